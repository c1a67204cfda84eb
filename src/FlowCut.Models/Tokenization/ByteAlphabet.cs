using System.Buffers;
using System.Text;

namespace FlowCut.Models.Tokenization;

/// <summary>
/// The characters that stand for the 256 bytes in a byte-level vocabulary (since GPT-2): a byte that is a visible Latin-1
/// character stands for itself, the others are U+0100, U+0101, ... in ascending order (a space is U+0120, 'Ġ').
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] _characters = MakeCharacters();
    private static readonly short[] _bytes = MakeBytes();

    public static char CharacterOf(int value) => _characters[value];

    /// <summary>The byte that <paramref name="character"/> stands for, or -1.</summary>
    public static int ByteOf(char character) => character < _bytes.Length ? _bytes[character] : -1;

    /// <summary>Writes the UTF-8 bytes of <paramref name="text"/>, which has no lone surrogates; returns their number, three per UTF-16 code unit at most.</summary>
    public static int Write(ReadOnlySpan<char> text, Span<char> destination)
    {
        Span<byte> utf8 = stackalloc byte[4];
        var written = 0;
        while (!text.IsEmpty)
        {
            Rune.DecodeFromUtf16(text, out var rune, out var length);
            foreach (var value in utf8[..rune.EncodeToUtf8(utf8)]) destination[written++] = _characters[value];
            text = text[length..];
        }

        return written;
    }

    private static char[] MakeCharacters()
    {
        var characters = new char[256];
        var next = (char)256;
        for (var value = 0; value < characters.Length; value++)
        {
            var isVisible = value is (> ' ' and <= '~') or (>= 0xA1 and not 0xAD);
            characters[value] = isVisible ? (char)value : next++;
        }

        return characters;
    }

    private static short[] MakeBytes()
    {
        var bytes = new short[_characters.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (var value = 0; value < _characters.Length; value++) bytes[_characters[value]] = (short)value;
        return bytes;
    }
}

/// <summary>Pre-tokenizer of byte-level BPE: the text is cut by an expression, and each part is written as its UTF-8 bytes.</summary>
/// <param name="expression">Where the text is cut; null if it is not.</param>
/// <param name="marksWordEnds">The last byte of a part is written as <see cref="WordEnd"/> has it, and white space is left out.</param>
internal sealed class ByteLevel(SplitExpression? expression, bool marksWordEnds = false) : PreTokenizer
{
    private const int StackLimit = 256;

    public override void Encode(ReadOnlySpan<char> text, bool first, BytePairEncoder encoder, EncodingBuffer buffer)
    {
        Span<char> small = stackalloc char[StackLimit];
        while (!text.IsEmpty)
        {
            var length = expression?.PartLength(text) ?? text.Length;
            if (marksWordEnds && text[..length].IsWhiteSpace())
            {
                text = text[length..];
                continue;
            }

            var most = checked(3 * length);
            var rented = most <= small.Length ? null : ArrayPool<char>.Shared.Rent(most);
            var spelled = rented is null ? small : rented;
            var written = ByteAlphabet.Write(text[..length], spelled);
            if (marksWordEnds) spelled[written - 1] = WordEnd.Mark(spelled[written - 1]);
            encoder.Encode(spelled[..written], buffer);
            if (rented is not null) ArrayPool<char>.Shared.Return(rented);
            text = text[length..];
        }
    }
}
