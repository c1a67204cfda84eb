using System.Text;

namespace FlowCut.Models.Families;

/// <summary>Mistral's instructions, as LLaVA-NeXT uses them (spec/models.md, section 5.2).</summary>
internal static class MistralTemplate
{
    /// <summary>Pictures go before the first question unless the dialogue says where.</summary>
    public static string Apply(IReadOnlyList<ChatTurn> turns, string? system, int pictures)
    {
        var prompt = new StringBuilder();
        var marked = turns.Any(turn => turn.User.Contains(ModelFamily.PictureMarker, StringComparison.Ordinal));
        for (var i = 0; i < turns.Count; i++)
        {
            prompt.Append("[INST] ");
            if (i == 0 && !string.IsNullOrEmpty(system)) prompt.Append("<<SYS>>\n").Append(system).Append("\n<</SYS>>\n\n");
            if (i == 0 && !marked) prompt.Insert(prompt.Length, ModelFamily.PictureMarker + "\n", pictures);
            prompt.Append(turns[i].User).Append(" [/INST]");
            if (turns[i].Assistant is { } answer) prompt.Append(' ').Append(answer).Append("</s>");
        }

        return prompt.ToString();
    }
}
