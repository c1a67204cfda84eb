namespace FlowCut.Models.Tokenization;

/// <summary>What encoding a text fills, and what it uses again from one part of the text to the next. Serves one text at a time.</summary>
internal sealed class EncodingBuffer
{
    /// <summary>The ids so far.</summary>
    public List<int> Ids { get; } = [];

    /// <summary>Pairs that may be joined: the pair as it was found, by rank and then position of its left symbol.</summary>
    public PriorityQueue<ulong, ulong> Candidates { get; } = new();
}
