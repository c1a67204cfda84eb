using System.Text;

namespace FlowCut.Models.Families;

/// <summary>ChatML, the format of Qwen2 and InternLM2: <c>&lt;|im_start|&gt;role … &lt;|im_end|&gt;</c> (spec/models.md, sections 5.3 and 5.4).</summary>
internal sealed record ChatMlTemplate
{
    /// <summary>The system turn where none is given; null: there is none.</summary>
    public string? System { get; init; }

    /// <summary>What follows a picture.</summary>
    public required string PictureEnd { get; init; }

    /// <summary>What follows the end of a turn.</summary>
    public string TurnEnd { get; init; } = "\n";

    /// <summary>Pictures go before the first question unless the dialogue says where.</summary>
    public string Apply(IReadOnlyList<ChatTurn> turns, string? system, int pictures)
    {
        var prompt = new StringBuilder();
        if ((system ?? System) is { } text) Turn("system", text);
        var marked = turns.Any(turn => turn.User.Contains(ModelFamily.PictureMarker, StringComparison.Ordinal));
        for (var i = 0; i < turns.Count; i++)
        {
            var front = i == 0 && !marked ? string.Concat(Enumerable.Repeat(ModelFamily.PictureMarker + PictureEnd, pictures)) : "";
            Turn("user", front + turns[i].User);
            if (turns[i].Assistant is { } answer) Turn("assistant", answer);
        }

        return prompt.Append("<|im_start|>assistant\n").ToString();

        void Turn(string role, string content) => prompt.Append("<|im_start|>").Append(role).Append('\n').Append(content).Append("<|im_end|>").Append(TurnEnd);
    }
}
