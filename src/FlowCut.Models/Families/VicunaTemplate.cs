using System.Text;

namespace FlowCut.Models.Families;

/// <summary>LLaVA-1.5's prompt: Vicuna's, with the pictures in front of the first question (spec/models.md, section 5.1).</summary>
internal static class VicunaTemplate
{
    private const string DefaultSystem =
        "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions.";

    /// <summary>Pictures go before the first question unless the dialogue says where.</summary>
    public static string Apply(IReadOnlyList<ChatTurn> turns, string? system, int pictures)
    {
        var prompt = new StringBuilder(system ?? DefaultSystem);
        var marked = turns.Any(turn => turn.User.Contains(ModelFamily.PictureMarker, StringComparison.Ordinal));
        for (var i = 0; i < turns.Count; i++)
        {
            // "USER: " follows the system text after a space, and an earlier answer's end token directly
            prompt.Append(i == 0 && prompt.Length > 0 ? " USER: " : "USER: ");
            if (i == 0 && !marked) prompt.Insert(prompt.Length, ModelFamily.PictureMarker + "\n", pictures);
            prompt.Append(turns[i].User).Append(" ASSISTANT:");
            if (turns[i].Assistant is { } answer) prompt.Append(' ').Append(answer).Append("</s>");
        }

        return prompt.ToString();
    }
}
