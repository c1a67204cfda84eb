namespace FlowCut.Models.Families;

/// <summary>A tokenized prompt: token ids, with <see cref="Picture"/> wherever a picture's tokens go.</summary>
public sealed record PromptTokens(int[] Ids)
{
    /// <summary>Stands for a whole picture.</summary>
    public const int Picture = -200;

    public int Pictures => Ids.Count(id => id == Picture);
}
