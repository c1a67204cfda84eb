using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace FlowCut.Models.Checkpoints;

/// <summary>
/// Runs the pickle of a PyTorch checkpoint. By hand because no library runs pickles by an allow-list: general unpicklers
/// call whatever the file names. Here a file can name the things in <see cref="s_globals"/>, and what is made is
/// numbers, strings, tuples, lists, dicts and records of tensors; everything else is refused by name.
/// No recursion; time and memory are bounded by <see cref="MaxOperations"/> and the pickle's length.
/// Opcodes: Lib/pickletools.py of CPython, protocols 2 to 5, those that torch.save needs.
/// </summary>
internal ref struct TorchUnpickler
{
    /// <summary>Every operation makes at most one object; a tensor takes about 40.</summary>
    internal const int MaxOperations = 8_000_000;

    internal const int MaxStack = 1_000_000;

    internal const int MaxMemo = 2_000_000;

    /// <summary>PyTorch's own limit on dimensions.</summary>
    internal const int MaxRank = 64;

    private static readonly object s_mark = new();

    private static readonly Dictionary<string, PickleCallable> s_globals = new(StringComparer.Ordinal)
    {
        ["collections OrderedDict"] = new(PickleGlobal.OrderedDict, default),
        ["torch._utils _rebuild_tensor_v2"] = new(PickleGlobal.RebuildTensor, default),
        ["torch._utils _rebuild_parameter"] = new(PickleGlobal.RebuildParameter, default),
        ["torch DoubleStorage"] = Storage(StoredType.Float64),
        ["torch FloatStorage"] = Storage(StoredType.Float32),
        ["torch HalfStorage"] = Storage(StoredType.Float16),
        ["torch BFloat16Storage"] = Storage(StoredType.BFloat16),
        ["torch LongStorage"] = Storage(StoredType.Int64),
        ["torch IntStorage"] = Storage(StoredType.Int32),
        ["torch ShortStorage"] = Storage(StoredType.Int16),
        ["torch CharStorage"] = Storage(StoredType.Int8),
        ["torch ByteStorage"] = Storage(StoredType.UInt8),
        ["torch BoolStorage"] = Storage(StoredType.Bool),
    };

    private readonly string _path;
    private readonly ReadOnlySpan<byte> _pickle;
    private readonly List<object?> _stack = [];
    private readonly Dictionary<uint, object?> _memo = [];
    private int _position;
    private int _operation;

    public TorchUnpickler(string path, ReadOnlySpan<byte> pickle)
    {
        _path = path;
        _pickle = pickle;
    }

    /// <returns>The value that the pickle ends with.</returns>
    /// <exception cref="ModelFormatException">The pickle is damaged, too large, or needs more than tensors.</exception>
    public object? Run()
    {
        for (var count = 0; count < MaxOperations; count++)
        {
            _operation = _position;
            var opcode = Take(1)[0];
            if (opcode == (byte)'.')
            {
                var result = Pop();
                if (_stack.Count != 0) throw Wrong($"ends with {_stack.Count} values left over");
                if (_position != _pickle.Length) throw Wrong($"is followed by {_pickle.Length - _position} bytes that belong to nothing");
                return result;
            }

            if (!Constant(opcode) && !Container(opcode) && !Memo(opcode) && !Object(opcode))
                throw Wrong($"has the operation 0x{opcode:x2}, which a checkpoint of tensors does not need; refused");
        }

        throw Wrong($"has more than {MaxOperations} operations");
    }

    private static PickleCallable Storage(StoredType type) => new(PickleGlobal.Storage, StoredTypes.Format(type));

    /// <summary>None, booleans, integers, floats, strings; protocol and frame marks.</summary>
    private bool Constant(byte opcode)
    {
        switch (opcode)
        {
            case 0x80: // PROTO
                if (Take(1)[0] is < 2 or > 5) throw Wrong("is of a protocol other than 2 to 5");
                return true;
            case 0x95: // FRAME
                if (BinaryPrimitives.ReadUInt64LittleEndian(Take(8)) > (ulong)(_pickle.Length - _position)) throw Wrong("has a frame that is longer than the rest");
                return true;
            case (byte)'N': Push(null); return true;
            case 0x88: Push(true); return true;
            case 0x89: Push(false); return true;
            case (byte)'K': Push((long)Take(1)[0]); return true; // BININT1
            case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); return true; // BININT2
            case (byte)'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); return true; // BININT
            case 0x8a: Push(LongInteger(Take(Take(1)[0]))); return true; // LONG1
            case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); return true; // BINFLOAT
            case 0x8c: Push(Text(Take(Take(1)[0]))); return true; // SHORT_BINUNICODE
            case (byte)'X': Push(Text(Take(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))))); return true; // BINUNICODE
            default: return false;
        }
    }

    private bool Container(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'(': Push(s_mark); return true;
            case (byte)')': Push(Array.Empty<object?>()); return true;
            case 0x85: Push(PopMany(1)); return true; // TUPLE1
            case 0x86: Push(PopMany(2)); return true; // TUPLE2
            case 0x87: Push(PopMany(3)); return true; // TUPLE3
            case (byte)'t': Push(PopToMark()); return true;
            case (byte)'}': Push(new PickleDict(ordered: false)); return true;
            case (byte)']': Push(new List<object?>()); return true;
            case (byte)'s': Fill(PopMany(2)); return true; // SETITEM
            case (byte)'u': Fill(PopToMark()); return true; // SETITEMS
            case (byte)'a': Extend(PopMany(1)); return true; // APPEND
            case (byte)'e': Extend(PopToMark()); return true; // APPENDS
            default: return false;
        }
    }

    private bool Memo(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'q': Remember(Take(1)[0]); return true; // BINPUT
            case (byte)'r': Remember(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); return true; // LONG_BINPUT
            case 0x94: Remember((uint)_memo.Count); return true; // MEMOIZE
            case (byte)'h': Recall(Take(1)[0]); return true; // BINGET
            case (byte)'j': Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); return true; // LONG_BINGET
            default: return false;
        }
    }

    private bool Object(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'c': // GLOBAL
                var module = Line();
                Push(Global(module, Line()));
                return true;
            case 0x93: // STACK_GLOBAL
                var parts = PopMany(2);
                Push(parts is [string from, string name] ? Global(from, name) : throw Wrong("names a global by something else than two strings"));
                return true;
            case (byte)'R': // REDUCE
                var call = PopMany(2);
                Push(call is [PickleCallable callable, object?[] arguments] ? Call(callable.Global, arguments) : throw Wrong("calls something that cannot be called"));
                return true;
            case (byte)'Q': // BINPERSID
                Push(PersistentStorage(Pop()));
                return true;
            case (byte)'b': // BUILD
                Pop();
                if (Peek() is not PickleDict { Ordered: true }) throw Wrong("sets the attributes of something that is not an OrderedDict");
                return true;
            default:
                return false;
        }
    }

    private readonly PickleCallable Global(string module, string name) =>
        s_globals.TryGetValue($"{module} {name}", out var callable)
            ? callable
            : throw Wrong($"names {Quoted.Text($"{module}.{name}")}, which a checkpoint of tensors does not need; refused, nothing has been run");

    private readonly object Call(PickleGlobal global, object?[] arguments) => (global, arguments) switch
    {
        (PickleGlobal.OrderedDict, []) => new PickleDict(ordered: true),
        (PickleGlobal.RebuildTensor, [PickleStorage storage, long offset, object?[] shape, object?[] strides, bool, PickleDict or null])
            => new PickleTensor(storage, offset, Sizes(shape), Sizes(strides)),
        // the seventh argument says that the values are to be negated or conjugated; only an empty one is understood
        (PickleGlobal.RebuildTensor, [PickleStorage storage, long offset, object?[] shape, object?[] strides, bool, PickleDict or null, PickleDict { Pairs.Count: 0 }])
            => new PickleTensor(storage, offset, Sizes(shape), Sizes(strides)),
        (PickleGlobal.RebuildParameter, [PickleTensor tensor, bool, PickleDict or null]) => tensor,
        _ => throw Wrong($"calls {global} with arguments that it does not take"),
    };

    private readonly long[] Sizes(object?[] values)
    {
        if (values.Length > MaxRank) throw Wrong($"has a tensor of {values.Length} dimensions, the limit is {MaxRank}");
        var sizes = new long[values.Length];
        for (var i = 0; i < sizes.Length; i++)
            sizes[i] = values[i] is long size and >= 0 ? size : throw Wrong("has a shape or stride that is not a whole number from 0 on");
        return sizes;
    }

    private readonly PickleStorage PersistentStorage(object? id) =>
        id is object?[] and ["storage", PickleCallable { Global: PickleGlobal.Storage } type, string key, string, long and >= 0 and var length]
            ? new PickleStorage(type.Element, key, length)
            : throw Wrong("refers to something that is not a storage");

    private readonly void Fill(object?[] pairs)
    {
        if (Peek() is not PickleDict dict || pairs.Length % 2 != 0) throw Wrong("sets items of something that is not a dict");
        for (var i = 0; i < pairs.Length; i += 2) dict.Add(pairs[i], pairs[i + 1]);
    }

    private readonly void Extend(object?[] values)
    {
        if (Peek() is not List<object?> list) throw Wrong("appends to something that is not a list");
        list.AddRange(values);
    }

    private readonly void Remember(uint key)
    {
        if (_memo.Count == MaxMemo) throw Wrong($"stores more than {MaxMemo} values");
        _memo[key] = Peek();
    }

    private readonly void Recall(uint key) => Push(_memo.TryGetValue(key, out var value) ? value : throw Wrong($"recalls {key}, which it has not stored"));

    private readonly void Push(object? value)
    {
        if (_stack.Count == MaxStack) throw Wrong($"needs more than {MaxStack} values at once");
        _stack.Add(value);
    }

    private readonly object? Peek() => _stack is [.., var top] && top != s_mark ? top : throw Wrong("takes a value that is not there");

    private readonly object? Pop()
    {
        var value = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private readonly object?[] PopMany(int count)
    {
        var values = new object?[count];
        for (var i = count - 1; i >= 0; i--) values[i] = Pop();
        return values;
    }

    private readonly object?[] PopToMark()
    {
        var mark = _stack.LastIndexOf(s_mark);
        if (mark < 0) throw Wrong("takes values back to a mark that is not there");
        var values = CollectionsMarshal.AsSpan(_stack)[(mark + 1)..].ToArray();
        _stack.RemoveRange(mark, _stack.Count - mark);
        return values;
    }

    private ReadOnlySpan<byte> Take(uint count)
    {
        if (count > (uint)(_pickle.Length - _position)) throw Wrong($"ends in the middle of an operation, {count} bytes are needed");
        var bytes = _pickle.Slice(_position, (int)count);
        _position += (int)count;
        return bytes;
    }

    private string Line()
    {
        const int MaxNameLength = 1000;
        var rest = _pickle[_position..];
        var length = rest[..Math.Min(rest.Length, MaxNameLength)].IndexOf((byte)'\n');
        if (length < 0) throw Wrong("has the name of a global without an end");
        var text = Text(Take((uint)length));
        Take(1);
        return text;
    }

    private readonly string Text(ReadOnlySpan<byte> bytes) =>
        Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : throw Wrong("has a string that is not valid UTF-8");

    private readonly long LongInteger(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > sizeof(long)) throw Wrong($"has an integer of {bytes.Length} bytes");
        if (bytes.IsEmpty) return 0;
        var value = (long)(sbyte)bytes[^1];
        for (var i = bytes.Length - 2; i >= 0; i--) value = (value << 8) | bytes[i];
        return value;
    }

    private readonly ModelFormatException Wrong(string what) => new(_path, $"the pickle at offset {_operation} {what}");
}
