using FlowCut.Models.Tokenization;

namespace FlowCut.Models.Tests.Tokenization;

internal static class TokenizerStreams
{
    /// <summary>Decodes one id at a time.</summary>
    public static string Stream(this Tokenizer tokenizer, int[] ids, bool skipSpecial)
    {
        var detokenizer = tokenizer.CreateDetokenizer(skipSpecial);
        return string.Concat(ids.Select(detokenizer.Push)) + detokenizer.Flush();
    }
}
