using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace FlowCut.Models.Tokenization;

/// <summary>
/// Turns ids into text one at a time, for display while a model writes. What <see cref="Push"/> and <see cref="Flush"/>
/// return, joined, is exactly what <see cref="Tokenizer.Decode"/> gives for all the ids at once; a character whose bytes
/// are not all there yet is held back. Not safe for concurrent use.
/// </summary>
public sealed class StreamingDetokenizer
{
    private const char Replacement = '\uFFFD';

    private readonly DecodingRules _rules;
    private readonly bool _skipSpecial;
    private readonly StringBuilder _output = new();
    private readonly List<byte> _pendingBytes = [];
    private int _leadingSpaces;

    internal StreamingDetokenizer(DecodingRules rules, bool skipSpecial)
    {
        _rules = rules;
        _skipSpecial = skipSpecial;
        _leadingSpaces = rules.LeadingSpaces;
    }

    /// <summary>Takes the next id and returns the text that is certain now; often empty. An id that no token has adds nothing.</summary>
    public string Push(int id)
    {
        Append(id);
        return Take();
    }

    /// <summary>Ends the text: returns what was held back, incomplete characters as U+FFFD. The next <see cref="Push"/> begins a new text.</summary>
    public string Flush()
    {
        EndByteRun();
        var rest = Take();
        _leadingSpaces = _rules.LeadingSpaces;
        return rest;
    }

    internal void Append(int id)
    {
        if ((uint)id >= (uint)_rules.Texts.Length || _rules.Texts[id] is not { } text) return;
        if (_skipSpecial && _rules.Special[id]) return;
        var bytes = _rules.Bytes[id];
        if (!bytes.IsEmpty)
        {
            _pendingBytes.AddRange(bytes);
            if (_rules.Invalid != InvalidBytes.WholeRun) DecodePending(complete: false);
            return;
        }

        EndByteRun();
        WritePiece(text);
    }

    private string Take()
    {
        if (_output.Length == 0) return "";
        var text = _output.ToString();
        _output.Clear();
        return text;
    }

    private void EndByteRun()
    {
        if (_pendingBytes.Count == 0) return;
        if (_rules.Invalid == InvalidBytes.WholeRun && !Utf8.IsValid(Pending))
        {
            WriteSpelled(new string(Replacement, _pendingBytes.Count));
            _pendingBytes.Clear();
        }

        DecodePending(complete: true);
    }

    /// <summary>Writes the characters that the pending bytes form; what forms none becomes U+FFFD.</summary>
    /// <param name="complete">No byte will follow: the beginning of a character is invalid too.</param>
    private void DecodePending(bool complete)
    {
        Span<char> utf16 = stackalloc char[2];
        var read = 0;
        while (read < _pendingBytes.Count)
        {
            var status = Rune.DecodeFromUtf8(Pending[read..], out var rune, out var length);
            if (status == OperationStatus.NeedMoreData && !complete) break;
            if (status == OperationStatus.Done) WriteSpelled(utf16[..rune.EncodeToUtf16(utf16)]);
            else WriteSpelled([Replacement]);
            read += status == OperationStatus.Done || _rules.Invalid == InvalidBytes.EachSequence ? length : 1;
        }

        _pendingBytes.RemoveRange(0, read);
    }

    private ReadOnlySpan<byte> Pending => CollectionsMarshal.AsSpan(_pendingBytes);

    private void WritePiece(ReadOnlySpan<char> text)
    {
        text = DropLeadingSpaces(text);
        if (text.IsEmpty) return;
        _leadingSpaces = 0;
        _output.Append(text).Replace(_rules.SpaceMark, ' ', _output.Length - text.Length, text.Length);
    }

    /// <summary>Characters spelled in bytes are never marks, and for sentencepiece no leading spaces either.</summary>
    private void WriteSpelled(ReadOnlySpan<char> text)
    {
        if (_rules.Invalid == InvalidBytes.WholeRun) text = DropLeadingSpaces(text);
        if (text.IsEmpty) return;
        _leadingSpaces = 0;
        _output.Append(text);
    }

    private ReadOnlySpan<char> DropLeadingSpaces(ReadOnlySpan<char> text)
    {
        while (_leadingSpaces > 0 && !text.IsEmpty && text[0] == _rules.SpaceMark)
        {
            text = text[1..];
            _leadingSpaces--;
        }

        return text;
    }
}
