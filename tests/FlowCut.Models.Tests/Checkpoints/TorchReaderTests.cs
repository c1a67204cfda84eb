using System.Buffers.Binary;
using FlowCut.Models.Checkpoints;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Checkpoints;

public sealed class TorchReaderTests : IDisposable
{
    private static readonly byte[] s_six = Floats(0, 1, 2, 3, 4, 5);

    private readonly CheckpointFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("state-dict.bin")]
    [InlineData("training.bin")]
    [InlineData("protocol-3.bin")]
    [InlineData("protocol-4.bin")]
    [InlineData("protocol-5.bin")]
    public void State_dicts_that_pytorch_saved_are_read(string file)
    {
        using var checkpoint = Checkpoint.Open(Saved(file));
        Assert.Equal(["linear.weight", "linear.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"], checkpoint.Names);
        Assert.Equal([0, 1, 2, 3, 4, 5], Values(checkpoint.Get("linear.weight", 2, 3)));
        Assert.Equal([50, 51], Values(checkpoint.Get("norm.running_var", 2)));
        Assert.Equal([60, 0, 0, 0, 0, 0, 0, 0], checkpoint.Get("norm.num_batches_tracked", []).Bytes.ToArray());
    }

    [Fact]
    public void Parameters_views_and_every_type_that_pytorch_saved_are_read()
    {
        using var parameters = Checkpoint.Open(Saved("parameters.bin"));
        Assert.Equal([0, 1, 2, 3, 4, 5], Values(parameters.Get("p", 2, 3)));

        using var views = Checkpoint.Open(Saved("views.bin"));
        Assert.Equal(Enumerable.Range(12, 12).Select(i => (float)i), Values(views.Get("tail", 2, 6)));
        Assert.Equal([6, 7, 8, 9, 10, 11], Values(views.Get("row", 6)));
        Assert.Equal([23], Values(views.Get("one", [])));
        Assert.Equal([3], Values(views.Get("column-of-one", 1, 1)));
        Assert.Empty(Values(views.Get("empty", 0, 6)));
        Assert.Equal(Values(views.Get("base", 4, 6)), Values(views.Get("again", 4, 6)));

        using var types = Checkpoint.Open(Saved("types.bin"));
        foreach (var (name, type) in new[] { ("float64", "F64"), ("float32", "F32"), ("float16", "F16"), ("bfloat16", "BF16"), ("int64", "I64"), ("int32", "I32"), ("int16", "I16"), ("int8", "I8"), ("uint8", "U8"), ("bool", "BOOL") })
        {
            var tensor = types.Get(name, 4);
            Assert.Equal(type, tensor.TypeName);
            if (name.Contains("float", StringComparison.Ordinal)) Assert.Equal([0, 1, 1, 0], Values(tensor));
            else Assert.Equal(2, tensor.Bytes.ToArray().Sum(b => b));
        }
    }

    [Theory]
    [InlineData("transposed.bin", "tensor 'turned' of shape [6, 4] has the strides [1, 6]: only row-major")]
    [InlineData("module.bin", "names '__main__.Net'")]
    [InlineData("legacy.bin", "PyTorch before 1.6")]
    [InlineData("complex.bin", "names 'torch.ComplexFloatStorage'")]
    [InlineData("sparse.bin", "names 'torch._utils._rebuild_sparse_tensor'")]
    [InlineData("list.bin", "not a dict of tensors")]
    [InlineData("two.bin", "more than one dict of tensors (the second is 'ema')")]
    public void Other_things_that_pytorch_saved_are_refused_by_name(string file, string reason) => Refused(Saved(file), reason);

    [Theory]
    [InlineData("os", "system")]
    [InlineData("posix", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("__builtin__", "exec")]
    [InlineData("torch", "load")]
    [InlineData("torch._utils", "_rebuild_tensor_v2.__globals__")]
    [InlineData("torch.storage", "UntypedStorage")]
    [InlineData("collections", "OrderedDict ")]
    [InlineData("torch FloatStorage", "")]
    public void A_pickle_that_names_anything_else_is_refused_before_it_runs(string module, string name)
    {
        Refused(Pickle(b => b.Global(module, name).Op('(').Text("touch owned").Op('t').Op('R')), $"names '{module}.{name}'");
        Refused(Pickle(b => b.Text(module).Text(name).Raw(0x93).Op(')').Op('R')), $"names '{module}.{name}'");
    }

    [Theory]
    [InlineData(new byte[] { (byte)'i', (byte)'o', (byte)'s', 10, (byte)'x', 10 }, "operation 0x69")] // INST
    [InlineData(new byte[] { (byte)'(', (byte)'o' }, "operation 0x6f")] // OBJ
    [InlineData(new byte[] { 0x81 }, "operation 0x81")] // NEWOBJ
    [InlineData(new byte[] { 0x92 }, "operation 0x92")] // NEWOBJ_EX
    [InlineData(new byte[] { 0x82, 1 }, "operation 0x82")] // EXT1
    [InlineData(new byte[] { (byte)'P', (byte)'0', 10 }, "operation 0x50")] // PERSID
    [InlineData(new byte[] { (byte)'2' }, "operation 0x32")] // DUP
    [InlineData(new byte[] { (byte)'N', (byte)')', (byte)'R' }, "calls something that cannot be called")]
    [InlineData(new byte[] { (byte)'N', (byte)'N', (byte)'b' }, "attributes of something that is not an OrderedDict")]
    [InlineData(new byte[] { (byte)'}', (byte)'N', (byte)'b' }, "attributes of something that is not an OrderedDict")]
    [InlineData(new byte[] { (byte)'N', (byte)'Q' }, "not a storage")]
    [InlineData(new byte[] { (byte)')', (byte)'N', (byte)'N', (byte)'s' }, "not a dict")]
    [InlineData(new byte[] { (byte)'}', (byte)'(', (byte)'N', (byte)'u' }, "not a dict")]
    [InlineData(new byte[] { (byte)'}', (byte)'N', (byte)'a' }, "not a list")]
    [InlineData(new byte[] { (byte)'h', 99 }, "recalls 99")]
    [InlineData(new byte[] { (byte)'t', (byte)'t', (byte)'t' }, "a mark that is not there")]
    [InlineData(new byte[] { (byte)'(', (byte)'q', 0 }, "a value that is not there")]
    [InlineData(new byte[] { 0x93 }, "a value that is not there")]
    [InlineData(new byte[] { (byte)'N', (byte)'N', 0x93 }, "something else than two strings")]
    [InlineData(new byte[] { 0x80, 1 }, "protocol")]
    [InlineData(new byte[] { 0x80, 6 }, "protocol")]
    [InlineData(new byte[] { 0x95, 255, 255, 255, 255, 255, 255, 255, 255 }, "frame")]
    [InlineData(new byte[] { 0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, "integer of 9 bytes")]
    [InlineData(new byte[] { (byte)'X', 255, 255, 255, 255 }, "in the middle of an operation")]
    [InlineData(new byte[] { (byte)'X', 1, 0, 0, 0, 0xff }, "not valid UTF-8")]
    [InlineData(new byte[] { (byte)'c', (byte)'o', (byte)'s' }, "without an end")]
    [InlineData(new byte[] { (byte)'N', (byte)'N', (byte)'.' }, "left over")]
    [InlineData(new byte[] { (byte)'N', (byte)'.', (byte)'.' }, "belong to nothing")]
    [InlineData(new byte[] { }, "in the middle of an operation")]
    public void Damaged_pickles_are_refused(byte[] operations, string reason) =>
        Refused(ZipBuilder.Torch(new PickleBuilder().Start().Raw(operations).ToArray()).Build(), reason);

    [Theory]
    [InlineData("FloatStorage", 6, 0, new long[] { 7 }, new long[] { 1 }, "takes 7 elements from 0 on, its storage '0' has 6")]
    [InlineData("FloatStorage", 6, 1, new long[] { 6 }, new long[] { 1 }, "takes 6 elements from 1 on, its storage '0' has 6")]
    [InlineData("FloatStorage", 6, 7, new long[] { 0 }, new long[] { 1 }, "takes 0 elements from 7 on")]
    [InlineData("FloatStorage", 6, long.MaxValue, new long[] { 6 }, new long[] { 1 }, "takes 6 elements from 9223372036854775807 on")]
    [InlineData("FloatStorage", 6, -1, new long[] { 6 }, new long[] { 1 }, "takes 6 elements from -1 on")]
    [InlineData("FloatStorage", 7, 0, new long[] { 7 }, new long[] { 1 }, "needs a storage of 7 F32 elements, '0' has 24 bytes")]
    [InlineData("DoubleStorage", 6, 0, new long[] { 6 }, new long[] { 1 }, "needs a storage of 6 F64 elements, '0' has 24 bytes")]
    [InlineData("FloatStorage", long.MaxValue, 0, new long[] { 6 }, new long[] { 1 }, "needs a storage of 9223372036854775807 F32 elements")]
    [InlineData("FloatStorage", 4611686018427387910, 0, new long[] { 6 }, new long[] { 1 }, "needs a storage of 4611686018427387910")]
    [InlineData("FloatStorage", -6, 0, new long[] { 6 }, new long[] { 1 }, "not a storage")]
    [InlineData("FloatStorage", 6, 0, new long[] { 4294967296, 4294967296 }, new long[] { 4294967296, 1 }, "overflows")]
    [InlineData("FloatStorage", 6, 0, new long[] { -1 }, new long[] { 1 }, "not a whole number")]
    [InlineData("FloatStorage", 6, 0, new long[] { 2, 3 }, new long[] { 1 }, "2 extents and 1 strides")]
    [InlineData("FloatStorage", 6, 0, new long[] { 2, 3 }, new long[] { 1, 2 }, "has the strides [1, 2]")]
    [InlineData("FloatStorage", 6, 0, new long[] { 3 }, new long[] { 2 }, "has the strides [2]")]
    [InlineData("FloatStorage", 6, 0, new long[] { 6 }, new long[] { 0 }, "has the strides [0]")]
    public void Tensors_that_leave_their_storage_are_refused(string type, long storageLength, long offset, long[] shape, long[] strides, string reason) =>
        Refused(ZipBuilder.Torch(PickleBuilder.StateDict(b => b.Tensor(type, "0", storageLength, offset, shape, strides)), ("0", s_six)).Build(), reason);

    [Fact]
    public void Strides_of_single_extents_do_not_matter()
    {
        using var checkpoint = Open(ZipBuilder.Torch(PickleBuilder.StateDict(b => b.Tensor("FloatStorage", "0", 6, 2, [1, 2, 1], [77, 1, 0])), ("0", s_six)).Build());
        Assert.Equal([2, 3], Values(checkpoint.Get("w", 1, 2, 1)));
    }

    [Fact]
    public void Tensors_that_are_negated_or_without_storage_or_named_twice_are_refused()
    {
        Refused(Pickle(b => b.Tensor("FloatStorage", "../data.pkl", 6)), "needs the storage '../data.pkl', which the archive does not have");
        Refused(Pickle(b => b.Tensor("FloatStorage", "0", 6).Op('s').Text("w").Tensor("FloatStorage", "0", 6), beforeSet: true), "has 'w' twice");
        Refused(Pickle(b => b.Global("torch._utils", "_rebuild_tensor_v2").Op('(').Storage("FloatStorage", "0", 6).Integer(0).Tuple(6).Tuple(1).Raw(0x89).OrderedDict()
            .Op('}').Text("neg").Raw(0x88).Op('s').Op('t').Op('R')), "calls RebuildTensor with arguments that it does not take");
        Refused(Pickle(b => b.Tensor("FloatStorage", "0", [.. Enumerable.Repeat(1L, 65)])), "65 dimensions");
    }

    [Fact]
    public void Hostile_amounts_are_refused_without_exhausting_memory()
    {
        var stack = new byte[TorchUnpickler.MaxStack + 10];
        Array.Fill(stack, (byte)'}');
        Refused(ZipBuilder.Torch(stack).Build(), "values at once");
        var operations = new byte[2 * TorchUnpickler.MaxOperations];
        for (var i = 0; i < operations.Length; i += 2) (operations[i], operations[i + 1]) = (0x80, 2);
        Refused(ZipBuilder.Torch(operations).Build(), "operations");
        var memo = new byte[1 + TorchUnpickler.MaxMemo + 10];
        Array.Fill(memo, (byte)0x94);
        memo[0] = (byte)'N';
        Refused(ZipBuilder.Torch(memo).Build(), "stores more than");

        // a dict in itself, and tuples nested a hundred thousand deep
        Refused(Pickle(b => b.Op('}').Op('q').Raw(9).Text("self").Op('h').Raw(9).Op('s')), "no tensors");
        Refused(Pickle(b => b.Raw([(byte)'N', .. Enumerable.Repeat((byte)0x85, 100_000)])), "no tensors");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Archives_with_sizes_of_32_and_64_bits_are_read(bool zip64)
    {
        using var checkpoint = Open(ZipBuilder.Torch(zip64, PickleBuilder.StateDict(b => b.Tensor("FloatStorage", "0", 2, 3)), ("0", s_six)).Build());
        Assert.Equal([0, 1, 2, 3, 4, 5], Values(checkpoint.Get("w", 2, 3)));
    }

    [Fact]
    public void An_archive_of_more_than_four_gigabytes_is_read_without_being_read()
    {
        const long Count = (5L << 30) / 4;
        var path = _files.Path("pytorch_model.bin");
        var pickle = new PickleBuilder().Start().Op('}').Op('(')
            .Text("big").Tensor("FloatStorage", "0", Count).Text("small").Tensor("FloatStorage", "1", 6).Op('u').Stop().ToArray();
        using (var stream = File.Create(path))
        {
            new ZipBuilder { Zip64 = true }.Add("a/data.pkl", pickle).AddSparse("a/data/0", 4 * Count, Floats(7)).Add("a/data/1", s_six).Build(stream);
        }

        var clock = System.Diagnostics.Stopwatch.StartNew();
        using var checkpoint = Checkpoint.Open(_files.Folder);
        Assert.InRange(clock.ElapsedMilliseconds, 0, 1000);
        Assert.Equal([0, 1, 2, 3, 4, 5], Values(checkpoint.Get("small")));
        unsafe
        {
            Assert.Equal(7, ((float*)checkpoint.Get("big", Count).Data)[Count - 1]);
        }
    }

    [Fact]
    public void Archives_that_are_compressed_encrypted_or_ambiguous_are_refused()
    {
        var pickle = PickleBuilder.StateDict(b => b.Tensor("FloatStorage", "0", 6));
        Refused(new ZipBuilder { Method = 8 }.Add("a/data.pkl", pickle).Build(), "'a/data.pkl' compressed");
        Refused(new ZipBuilder { Flags = 1 }.Add("a/data.pkl", pickle).Build(), "'a/data.pkl' encrypted");
        Refused(new ZipBuilder().Add("a/data.pkl", pickle).Add("b/data.pkl", pickle).Build(), "more than one data.pkl");
        Refused(new ZipBuilder().Add("a/data.pkl", pickle).Add("a/data.pkl", pickle).Build(), "'a/data.pkl' twice");
        Refused(new ZipBuilder().Add("data.pkl", pickle).Build(), "no data.pkl");
        Refused(new ZipBuilder().Build(), "does not begin as a zip archive");
        Refused(new ZipBuilder().Add("a/data.pkl", pickle).Add("a/byteorder", "big"u8.ToArray()).Build(), "byte order");
        Refused("not a checkpoint"u8.ToArray(), "does not begin as a zip archive");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_truncation_and_every_appended_byte_is_refused(bool zip64)
    {
        var whole = ZipBuilder.Torch(zip64, PickleBuilder.StateDict(b => b.Tensor("FloatStorage", "0", 2, 3)), ("0", s_six)).Build();
        for (var length = 0; length < whole.Length; length++) Refused(whole[..length], "");
        Refused([.. whole, 0], "no zip directory");
        Refused([.. whole[..4], 0, .. whole[4..]], "");
    }

    [Fact]
    public void Archives_whose_records_disagree_are_refused()
    {
        var whole = ZipBuilder.Torch(PickleBuilder.StateDict(b => b.Tensor("FloatStorage", "0", 2, 3)), ("0", s_six)).Build();
        var end = whole.Length - 22;
        var start = (int)BinaryPrimitives.ReadUInt32LittleEndian(whole.AsSpan(end + 16));
        Refused(Changed(whole, 30, (byte)'x'), "another name than 'archive/data.pkl'");
        Refused(Changed(whole, 8, 8), "compressed or encrypted in its header");
        Refused(Changed(whole, 0 + start + 24, 1), "two sizes");
        Refused(Changed(whole, start + 42, 1), "no entry 'archive/data.pkl' at offset 1");
        Refused(Changed(whole, start, 0), "no directory entry at offset");
        Refused(Changed(whole, end + 10, 9), "split archive");
        Refused(Changed(Changed(whole, end + 8, 9), end + 10, 9), "fewer directory entries than the 9");
        Refused(Changed(Changed(whole, end + 8, 1), end + 10, 1), "belong to no entry");
        Refused(Changed(whole, end + 12, 1), "does not end where its end record begins");

        // the size of the first entry, data.pkl, raised in both fields so that it covers the next entry
        var length = (byte)(whole[start + 20] + 40);
        Refused(Changed(Changed(whole, start + 20, length), start + 24, length), "overlap at offset");
    }

    private static string Saved(string file) => Path.Combine(Goldens.Repository, "tests", "FlowCut.Models.Tests", "Checkpoints", "torch-1.13", file);

    private static byte[] Changed(byte[] bytes, int at, byte value)
    {
        var copy = bytes.ToArray();
        copy[at] = value;
        return copy;
    }

    private static byte[] Floats(params float[] values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes(values).ToArray();

    private static float[] Values(StoredTensor tensor)
    {
        var values = new float[tensor.ElementCount];
        tensor.ReadSingles(values);
        return values;
    }

    private static byte[] Pickle(Func<PickleBuilder, PickleBuilder> value, bool beforeSet = false)
    {
        var pickle = beforeSet
            ? value(new PickleBuilder().Start().Op('}').Text("w")).Op('s').Stop().ToArray()
            : PickleBuilder.StateDict(value);
        return ZipBuilder.Torch(pickle, ("0", s_six)).Build();
    }

    private Checkpoint Open(byte[] bytes) => Checkpoint.Open(_files.Write("pytorch_model.bin", bytes));

    private void Refused(byte[] bytes, string reason) => Refused(_files.Write("pytorch_model.bin", bytes), reason);

    private static void Refused(string path, string reason)
    {
        var error = Assert.Throws<ModelFormatException>(() => Checkpoint.Open(path));
        Assert.StartsWith(path + ": ", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
