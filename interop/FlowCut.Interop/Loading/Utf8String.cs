using System.Runtime.InteropServices;

namespace FlowCut.Interop;

/// <summary>A zero-terminated UTF-8 copy of a string in native memory.</summary>
internal readonly unsafe ref struct Utf8String(string text)
{
    public byte* Pointer { get; } = (byte*)Marshal.StringToCoTaskMemUTF8(text);

    public void Dispose() => Marshal.FreeCoTaskMem((nint)Pointer);
}

/// <summary>Zero-terminated UTF-8 copies of several strings, as the <c>char**</c> that native calls take.</summary>
internal unsafe ref struct Utf8StringArray
{
    private readonly int _length;
    private byte** _pointers;

    public Utf8StringArray(IReadOnlyList<string> texts)
    {
        _length = texts.Count;
        if (_length == 0) return;
        _pointers = (byte**)NativeMemory.AllocZeroed((nuint)_length, (nuint)sizeof(byte*));
        for (var i = 0; i < _length; i++) _pointers[i] = (byte*)Marshal.StringToCoTaskMemUTF8(texts[i]);
    }

    /// <summary>Null where there are no strings.</summary>
    public readonly byte** Pointer => _pointers;

    public void Dispose()
    {
        if (_pointers is null) return;
        for (var i = 0; i < _length; i++) Marshal.FreeCoTaskMem((nint)_pointers[i]);
        NativeMemory.Free(_pointers);
        _pointers = null;
    }
}
