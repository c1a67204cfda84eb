using System.Text;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Checkpoints;

public sealed class SafetensorsReaderTests : IDisposable
{
    private const string Two = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}""";

    private readonly CheckpointFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Tensors_are_views_of_the_data_at_any_alignment()
    {
        using var checkpoint = Open(CheckpointFiles.Safetensors("""{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"F16","shape":[1,2],"data_offsets":[3,7]}}""", 7));
        Assert.Equal([0, 1, 2], checkpoint.Get("a").Bytes.ToArray());
        Assert.Equal([3, 4, 5, 6], checkpoint.Get("b", 1, 2).Bytes.ToArray());
        var values = new float[2];
        checkpoint.Get("b").ReadSingles(values);
        Assert.Equal([(float)BitConverter.UInt16BitsToHalf(0x0403), (float)BitConverter.UInt16BitsToHalf(0x0605)], values);
        Assert.Equal(7, checkpoint.TotalBytes);
    }

    [Fact]
    public void Rows_of_a_tensor_are_views_too()
    {
        using var checkpoint = Open(CheckpointFiles.Safetensors("""{"a":{"dtype":"F16","shape":[3,1,2],"data_offsets":[0,12]}}""", 12));
        var tensor = checkpoint.Get("a");
        var rows = tensor.SliceRows(1, 2);
        Assert.Equal([2, 1, 2], rows.Shape);
        Assert.Equal([4, 5, 6, 7, 8, 9, 10, 11], rows.Bytes.ToArray());
        Assert.Equal((4, "a"), (rows.ElementCount, rows.Name));
        Assert.Empty(tensor.SliceRows(3, 0).Bytes.ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.SliceRows(2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.SliceRows(-1, 1));
        // extents of 1 in front of a shape do not matter
        Assert.Same(tensor, checkpoint.Get("a", 3, 1, 2));
        Assert.Throws<ModelFormatException>(() => checkpoint.Get("a", 1, 2));
    }

    [Theory]
    [InlineData("""{}""", 0, 0)]
    [InlineData("""{}   """, 0, 0)]
    [InlineData("""{"__metadata__":{"a":"b"}}""", 0, 0)]
    [InlineData("""{"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""", 4, 1)]
    [InlineData("""{"z":{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]}}""", 0, 1)]
    [InlineData("""{"z":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""", 4, 2)]
    [InlineData("""{"p":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]},"q":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[3,6]},"r":{"dtype":"C64","shape":[1],"data_offsets":[6,14]}}""", 14, 3)]
    [InlineData("""{"":{"shape":[1],"data_offsets":[0,1],"dtype":"BOOL"}}""", 1, 1)]
    public void Odd_but_legal_files_open(string header, int dataLength, int count)
    {
        using var checkpoint = Open(CheckpointFiles.Safetensors(header, dataLength));
        Assert.Equal(count, checkpoint.Names.Count);
        Assert.Equal(dataLength, checkpoint.TotalBytes);
    }

    [Theory]
    // what the file as a whole must be
    [InlineData(Two, 10, "truncated: tensor 'b' ends at data offset 11, the file has 10 bytes of data")]
    [InlineData(Two, 12, "1 bytes at offset 126, after tensor 'b', belong to no tensor")]
    [InlineData("""{}""", 1, "1 bytes at offset 10, after the header, belong to no tensor")]
    [InlineData(""" {}""", 0, "does not begin with '{'")]
    [InlineData("""[]""", 0, "does not begin with '{'")]
    [InlineData("", 0, "does not begin with '{'")]
    // gaps and overlaps
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""", 3, "tensor 'a' at data offset 1 leaves a hole of 1 bytes after the header")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}}""", 5, "tensor 'b' at data offset 3 leaves a hole of 1 bytes after tensor 'a', which ends at 2")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""", 3, "tensor 'b' at data offset 1 overlaps tensor 'a', which ends at 2")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 2, "overlaps")]
    // offsets against shape and type
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "tensor 'a' of type F32 and shape [2] needs 8 bytes, data offsets 0 to 4 give it 4")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}""", 2, "ends at data offset 0, before its begin at 2")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "no valid size")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}""", 0, "no valid size")]
    [InlineData("""{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}""", 0, "no valid size")]
    [InlineData("""{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}""", 2, "no valid size")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1,2]}}""", 2, "has 3 data offsets")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,-2]}}""", 2, "not a whole number")]
    [InlineData("""{"a":{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}}""", 2, "not a whole number")]
    [InlineData("""{"a":{"dtype":"U8","shape":[-2,-1],"data_offsets":[0,2]}}""", 2, "not a whole number")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}}""", 2, "not a whole number")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2e0],"data_offsets":[0,2]}}""", 2, "not a whole number")]
    [InlineData("""{"a":{"dtype":"U8","shape":["2"],"data_offsets":[0,2]}}""", 2, "not a whole number")]
    [InlineData("""{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,2]}}""", 2, "not a whole number")]
    // keys
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "has 'a' twice")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "has 'a' twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, "has '__metadata__' twice")]
    [InlineData("""{"__metadata__":{"k":"1","k":"2"}}""", 0, "__metadata__ in the header has 'k' twice")]
    [InlineData("""{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, "tensor 'a' has 'dtype' twice")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}""", 1, "tensor 'a' has 'shape' twice")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"stride":[1]}}""", 1, "unknown field 'stride'")]
    [InlineData("""{"a":{"shape":[1],"data_offsets":[0,1]}}""", 1, "tensor 'a' has no 'dtype'")]
    [InlineData("""{"a":{"dtype":"U8","data_offsets":[0,1]}}""", 1, "tensor 'a' has no 'shape'")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1]}}""", 1, "tensor 'a' has no 'data_offsets'")]
    [InlineData("""{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,1]}}""", 1, "tensor 'a' has the unknown type 'F33'")]
    [InlineData("""{"a":{"dtype":32,"shape":[1],"data_offsets":[0,1]}}""", 1, "'dtype' that is not a string")]
    [InlineData("""{"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}}""", 1, "'shape' that is not an array")]
    [InlineData("""{"a":[]}""", 0, "tensor 'a' is not described by an object")]
    [InlineData("""{"__metadata__":[]}""", 0, "__metadata__ in the header is not an object")]
    [InlineData("""{"__metadata__":{"k":1}}""", 0, "entry 'k' in the header is not a string")]
    [InlineData("""{"__metadata__":{"k":{"l":"m"}}}""", 0, "entry 'k' in the header is not a string")]
    // JSON
    [InlineData("""{"a":""", 0, "not valid JSON at offset 13")]
    [InlineData("""{"a" 1}""", 0, "not valid JSON")]
    [InlineData("""{} {}""", 0, "not valid JSON")]
    [InlineData("""{},""", 0, "not valid JSON")]
    [InlineData("""{/**/}""", 0, "not valid JSON")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1,],"data_offsets":[0,1]}}""", 1, "not valid JSON")]
    [InlineData("""{"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}}""", 1, "depth")]
    [InlineData("""{"\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, "not valid Unicode")]
    public void Files_that_break_a_rule_are_refused(string header, int dataLength, string reason) => Refused(CheckpointFiles.Safetensors(header, dataLength), reason);

    [Fact]
    public void A_header_that_is_not_utf8_is_refused() =>
        Refused(CheckpointFiles.Safetensors([.. "{\""u8, 0xff, .. "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"u8], 1), "not valid UTF-8");

    [Theory]
    [InlineData(100_000_001, "limit is 100000000")]
    [InlineData(-1, "limit is 100000000")]
    [InlineData(100_000_000, "outside the file")]
    [InlineData(3, "outside the file")]
    public void A_header_that_is_too_long_is_refused_without_allocation(long length, string reason) => Refused([.. BitConverter.GetBytes(length), .. "{}"u8], reason);

    [Fact]
    public void Every_truncation_is_refused()
    {
        var whole = CheckpointFiles.Safetensors(Two, 11);
        for (var length = 0; length < whole.Length; length++) Refused(whole[..length], length == 0 ? "empty" : "");
    }

    [Fact]
    public void Deeply_nested_json_is_refused_without_recursion() =>
        Refused(CheckpointFiles.Safetensors("{\"a\":{\"shape\":" + new string('[', 1_000_000), 0), "depth");

    [Fact]
    public void Names_in_messages_are_short_and_without_control_characters()
    {
        var name = "\\u001b[31m" + new string('n', 100_000);
        var error = Refused(CheckpointFiles.Safetensors("{\"" + name + "\":{}}", 0), "no 'dtype'");
        Assert.True(error.Message.Length < 600, error.Message);
        Assert.DoesNotContain('\u001b', error.Message);
    }

    [Fact]
    public void More_tensors_than_the_limit_are_refused()
    {
        var header = new StringBuilder("{");
        for (var i = 0; i <= SafetensorsReader.MaxTensors; i++)
            header.Append(i == 0 ? "" : ",").Append('"').Append(i).Append("\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}");
        Refused(CheckpointFiles.Safetensors(header.Append('}').ToString(), 0), "more than 1000000 tensors");
    }

    [Fact]
    public void A_shape_other_than_asked_for_and_a_missing_tensor_are_named()
    {
        using var checkpoint = Open(CheckpointFiles.Safetensors(Two, 11));
        Assert.Contains("tensor 'a' has shape [2], the configuration says [3]", Assert.Throws<ModelFormatException>(() => checkpoint.Get("a", 3)).Message, StringComparison.Ordinal);
        Assert.Contains("tensor 'c' is missing", Assert.Throws<ModelFormatException>(() => checkpoint.Get("c")).Message, StringComparison.Ordinal);
        Assert.Contains("stored as U8", Assert.Throws<ModelFormatException>(() => checkpoint.Get("b").ReadSingles(new float[3])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public unsafe void A_tensor_tells_that_its_checkpoint_is_gone()
    {
        var checkpoint = Open(CheckpointFiles.Safetensors(Two, 11));
        var tensor = checkpoint.Get("a");
        checkpoint.Dispose();
        checkpoint.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tensor.Bytes.Length);
        Assert.Throws<ObjectDisposedException>(() => (nint)tensor.Data);
        Assert.Throws<ObjectDisposedException>(() => tensor.ReadSingles(new float[2]));
    }

    [Fact]
    public void A_checkpoint_of_three_gigabytes_opens_without_being_read()
    {
        const long Extent = 3L << 28;
        var path = _files.Write("model.safetensors", CheckpointFiles.Safetensors($"{{\"big\":{{\"dtype\":\"F32\",\"shape\":[{Extent}],\"data_offsets\":[0,{4 * Extent}]}}}}", 0));
        using (var stream = File.Open(path, FileMode.Open))
        {
            stream.SetLength(stream.Length + 4 * Extent);
            stream.Position = stream.Length - 1;
            stream.WriteByte(42);
        }

        var clock = System.Diagnostics.Stopwatch.StartNew();
        using var checkpoint = Checkpoint.Open(_files.Folder);
        Assert.InRange(clock.ElapsedMilliseconds, 0, 1000);
        unsafe
        {
            Assert.Equal(42, checkpoint.Get("big", Extent).Data[4 * Extent - 1]);
        }
    }

    private Checkpoint Open(byte[] bytes) => Checkpoint.Open(_files.Write("model.safetensors", bytes));

    private ModelFormatException Refused(byte[] bytes, string reason)
    {
        var path = _files.Write("model.safetensors", bytes);
        var error = Assert.Throws<ModelFormatException>(() => Checkpoint.Open(path));
        Assert.StartsWith(path + ": ", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        return error;
    }
}
