using System.Buffers;
using System.Runtime.InteropServices;

namespace FlowCut.Models.Tokenization;

/// <summary>The bytes that each id spells; an id that spells none is taken as its text.</summary>
internal sealed class TokenBytes
{
    private readonly ArrayBufferWriter<byte> _bytes;
    private readonly List<int> _ends;

    /// <param name="count">Expected number of ids.</param>
    public TokenBytes(int count)
    {
        _bytes = new ArrayBufferWriter<byte>(Math.Max(1, count));
        _ends = new List<int>(count);
    }

    public ReadOnlySpan<byte> this[int id] => _bytes.WrittenSpan[(id == 0 ? 0 : _ends[id - 1]).._ends[id]];

    /// <summary>Bytes of byte tokens, one each: <paramref name="byteOf"/> gives the byte of an id, or -1.</summary>
    public static TokenBytes OfByteTokens(int count, Func<int, int> byteOf)
    {
        var bytes = new TokenBytes(count);
        for (var id = 0; id < count; id++)
        {
            var value = byteOf(id);
            bytes.Add(value < 0 ? [] : [(byte)value]);
        }

        return bytes;
    }

    /// <summary>Bytes of a byte-level vocabulary: all its tokens spell bytes, except added ones.</summary>
    /// <exception cref="ModelFormatException">A token has a character that stands for no byte.</exception>
    public static TokenBytes OfByteLevel(Vocabulary vocabulary)
    {
        var texts = vocabulary.GetTexts();
        foreach (var token in vocabulary.AddedTokens) texts[token.Id] = null;
        var result = new TokenBytes(texts.Length);
        var bytes = new List<byte>();
        for (var id = 0; id < texts.Length; id++)
        {
            bytes.Clear();
            foreach (var character in texts[id] ?? "")
            {
                var value = ByteAlphabet.ByteOf(character);
                if (value < 0) throw vocabulary.Error($"token '{texts[id]}' with id {id} is not byte-level: '{character}' (U+{(int)character:X4}) stands for no byte");
                bytes.Add((byte)value);
            }

            result.Add(CollectionsMarshal.AsSpan(bytes));
        }

        return result;
    }

    /// <summary>Sets the bytes of the next id.</summary>
    private void Add(ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        _ends.Add(_bytes.WrittenCount);
    }
}
