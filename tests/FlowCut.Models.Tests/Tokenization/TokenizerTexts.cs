using CsCheck;

namespace FlowCut.Models.Tests.Tokenization;

/// <summary>Random texts that are hard for a tokenizer.</summary>
internal static class TokenizerTexts
{
    // what merges, what is spelled in bytes, runs of one character, special tokens, marks,
    // what byte-level splitting and normalisation tell apart, any other character, lone surrogates
    private static readonly Gen<string> _fragment = Gen.OneOf(
        OneOf("the", " the", "answer", "rr", "==", "  ", "\n", "\t", "é", "世界", "😀", "👍🏽", "<", "</s>", "<s>", "<image>", "<0x41>", "▁", ".",
            "'s", "'LL", "'ſ", "12345", "½", "𝟘", "𝒜", "𠀀", "\r\n", "\u3000", "?!\n", "<|im_start|>", "<|image_pad|>",
            "e\u0301", "\u0327\u0301", "\u1100\u1161\u11A8", "\u0344", "\uFFFE", "Ġ"),
        Gen.Select(OneOf('r', '=', ' ', 'a', '世'), Gen.Int[1, 40], (character, count) => new string(character, count)),
        Gen.Char[' ', '~'].Select(character => character.ToString()),
        Gen.Int[0, 0xD7FF].Select(char.ConvertFromUtf32),
        Gen.Int[0xE000, 0x10FFFF].Select(char.ConvertFromUtf32));

    public static readonly Gen<string> Any = _fragment.Array[0, 30].Select(string.Concat);

    public static readonly Gen<string> Broken = Gen.Select(Any, Gen.Char['\uD800', '\uDFFF'], Any, (left, surrogate, right) => left + surrogate + right);

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);
}
