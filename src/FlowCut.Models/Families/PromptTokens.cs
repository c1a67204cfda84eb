using FlowCut.Models.Tokenization;

namespace FlowCut.Models.Families;

/// <summary>A tokenized prompt: token ids, with <see cref="Picture"/> wherever a picture's tokens go.</summary>
public sealed record PromptTokens(int[] Ids)
{
    /// <summary>Stands for a whole picture.</summary>
    public const int Picture = -200;

    public int Pictures => Ids.Count(id => id == Picture);

    /// <summary>A text in which a token of its own stands for a picture, behind the token that the tokenizer always puts in front.</summary>
    internal static PromptTokens Of(Tokenizer tokenizer, string text, int picture)
    {
        var ids = new List<int>();
        if (tokenizer.AddsBos && tokenizer.BosId is { } bos) ids.Add(bos);
        foreach (var id in tokenizer.Encode(text)) ids.Add(id == picture ? Picture : id);
        return new PromptTokens([.. ids]);
    }

    /// <summary>The ids with a token in place of each picture's, as often as it has tokens.</summary>
    internal int[] Expand(int token, IReadOnlyList<int> counts)
    {
        var ids = new List<int>();
        var picture = 0;
        foreach (var id in Ids)
        {
            if (id == Picture) ids.AddRange(Enumerable.Repeat(token, counts[picture++]));
            else ids.Add(id);
        }

        return [.. ids];
    }
}
