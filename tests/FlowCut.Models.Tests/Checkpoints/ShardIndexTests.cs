using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Checkpoints;

public sealed class ShardIndexTests : IDisposable
{
    private readonly CheckpointFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void The_index_decides_which_tensors_there_are_and_where()
    {
        Shard("a.safetensors", ("x", 1), ("hidden", 1));
        Shard("b.safetensors", ("x", 2), ("y", 3));
        Index("""{"metadata":{"total_size":3,"more":[{}]},"weight_map":{"x":"a.safetensors","y":"b.safetensors"}}""");
        using var checkpoint = Checkpoint.Open(_files.Folder);
        Assert.Equal(["x", "y"], checkpoint.Names);
        Assert.Equal(1, checkpoint.Get("x").Bytes[0]);
        Assert.Equal(3, checkpoint.Get("y").Bytes[0]);
        Assert.Equal(2, checkpoint.TotalBytes);
        Assert.False(checkpoint.TryGet("hidden", out _));
    }

    [Fact]
    public void Pickled_shards_are_joined_too()
    {
        foreach (var (key, value) in new[] { ("p", 1), ("q", 2) })
            _files.Write($"pytorch_model-{key}.bin", ZipBuilder.Torch(PickleBuilder.StateDict(b => b.Tensor("ByteStorage", "0", 1), key), ("0", [(byte)value])).Build());
        _files.Write("pytorch_model.bin.index.json", """{"weight_map":{"p":"pytorch_model-p.bin","q":"pytorch_model-q.bin"}}"""u8);
        using var checkpoint = Checkpoint.Open(_files.Folder);
        Assert.Equal(1, checkpoint.Get("p").Bytes[0]);
        Assert.Equal(2, checkpoint.Get("q").Bytes[0]);
    }

    [Theory]
    [InlineData("""{"weight_map":{"x":"a.safetensors","y":"b.safetensors"}}""", "b.safetensors", "the shard is missing: model.safetensors.index.json needs it for tensor 'y'")]
    [InlineData("""{"weight_map":{"x":"a.safetensors","z":"a.safetensors"}}""", "a.safetensors", "tensor 'z' is missing: model.safetensors.index.json says that this file has it")]
    [InlineData("""{"weight_map":{"x":"../a.safetensors"}}""", "index.json", "puts tensor 'x' into '../a.safetensors', which is not a plain file name")]
    [InlineData("""{"weight_map":{"x":"/etc/passwd"}}""", "index.json", "not a plain file name")]
    [InlineData("""{"weight_map":{"x":"sub/a.safetensors"}}""", "index.json", "not a plain file name")]
    [InlineData("""{"weight_map":{"x":"sub\\a.safetensors"}}""", "index.json", "not a plain file name")]
    [InlineData("""{"weight_map":{"x":"C:a.safetensors"}}""", "index.json", "not a plain file name")]
    [InlineData("""{"weight_map":{"x":"a.safetensors\u0000.txt"}}""", "index.json", "not a plain file name")]
    [InlineData("""{"weight_map":{"x":".."}}""", "index.json", "not a plain file name")]
    [InlineData("""{"weight_map":{"x":"."}}""", "index.json", "not a plain file name")]
    [InlineData("""{"weight_map":{"x":""}}""", "index.json", "not a plain file name")]
    [InlineData("""{"weight_map":{"x":"a.safetensors","x":"a.safetensors"}}""", "index.json", "has tensor 'x' twice")]
    [InlineData("""{"weight_map":{"x":"a.safetensors"},"weight_map":{}}""", "index.json", "has 'weight_map' twice")]
    [InlineData("""{"weight_map":{"x":1}}""", "index.json", "something else than a file name for tensor 'x'")]
    [InlineData("""{"weight_map":[]}""", "index.json", "'weight_map' in the index is not an object")]
    [InlineData("""{"weight_map":{}}""", "index.json", "no 'weight_map', or an empty one")]
    [InlineData("""{}""", "index.json", "no 'weight_map', or an empty one")]
    [InlineData("""[]""", "index.json", "not a JSON object")]
    [InlineData("""{"weight_map":{"x":"a.safetensors"}""", "index.json", "not valid JSON")]
    [InlineData("""{"weight_map":{"x":"a.safetensors"}} x""", "index.json", "not valid JSON")]
    [InlineData("""{"weight_map":{"x":"\ud800"}}""", "index.json", "not valid Unicode")]
    public void Damaged_indexes_and_missing_parts_are_refused(string index, string file, string reason)
    {
        Shard("a.safetensors", ("x", 1));
        Index(index);
        Refused(file, reason);
    }

    [Fact]
    public void A_damaged_shard_is_named()
    {
        _files.Write("a.safetensors", CheckpointFiles.Safetensors("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 1));
        Index("""{"weight_map":{"x":"a.safetensors"}}""");
        Refused("a.safetensors", "truncated");
    }

    [Fact]
    public void Json_nested_without_end_is_refused()
    {
        Index("{\"metadata\":" + new string('[', 1_000_000));
        Refused("index.json", "depth");
    }

    [Fact]
    public void Links_within_the_folder_are_followed_links_out_of_it_are_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege on Windows");
        using var elsewhere = new CheckpointFiles();
        Shard("a.safetensors", ("x", 1));
        File.CreateSymbolicLink(_files.Path("inside.safetensors"), "a.safetensors");
        Index("""{"weight_map":{"x":"inside.safetensors"}}""");
        using (var checkpoint = Checkpoint.Open(_files.Folder)) Assert.Equal(1, checkpoint.Get("x").Bytes[0]);

        File.Copy(_files.Path("a.safetensors"), elsewhere.Path("b.safetensors"));
        File.CreateSymbolicLink(_files.Path("outside.safetensors"), elsewhere.Path("b.safetensors"));
        Index("""{"weight_map":{"x":"outside.safetensors"}}""");
        Refused("outside.safetensors", "outside its folder");

        // through a second link, and through a linked folder
        File.CreateSymbolicLink(_files.Path("chain.safetensors"), "outside.safetensors");
        Index("""{"weight_map":{"x":"chain.safetensors"}}""");
        Refused("chain.safetensors", "outside its folder");
        Directory.CreateSymbolicLink(_files.Path("linked"), elsewhere.Folder);
        File.CreateSymbolicLink(_files.Path("through.safetensors"), "linked/b.safetensors");
        Index("""{"weight_map":{"x":"through.safetensors"}}""");
        Refused("through.safetensors", "outside its folder");

        File.CreateSymbolicLink(_files.Path("circle.safetensors"), "circle.safetensors");
        Index("""{"weight_map":{"x":"circle.safetensors"}}""");
        Refused("circle.safetensors", "");
    }

    [Fact]
    public void A_snapshot_of_the_hugging_face_cache_is_read_through_its_links()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege on Windows");
        var snapshot = Directory.CreateDirectory(_files.Path("models--a--b/snapshots/0123")).FullName;
        Directory.CreateDirectory(_files.Path("models--a--b/blobs"));
        Shard("models--a--b/blobs/aaaa", ("x", 1));
        _files.Write("models--a--b/blobs/bbbb", """{"weight_map":{"x":"model-1.safetensors"}}"""u8);
        File.CreateSymbolicLink(Path.Combine(snapshot, "model-1.safetensors"), "../../blobs/aaaa");
        File.CreateSymbolicLink(Path.Combine(snapshot, "model.safetensors.index.json"), "../../blobs/bbbb");
        using (var checkpoint = Checkpoint.Open(snapshot)) Assert.Equal(1, checkpoint.Get("x").Bytes[0]);

        // the folder itself may be reached through a link
        Directory.CreateSymbolicLink(_files.Path("latest"), "models--a--b/snapshots/0123");
        using (var checkpoint = Checkpoint.Open(_files.Path("latest"))) Assert.Equal(1, checkpoint.Get("x").Bytes[0]);

        // blobs of another model are not its own
        Directory.CreateDirectory(_files.Path("models--c--d/blobs"));
        Shard("models--c--d/blobs/cccc", ("x", 1));
        File.Delete(Path.Combine(snapshot, "model-1.safetensors"));
        File.CreateSymbolicLink(Path.Combine(snapshot, "model-1.safetensors"), "../../../models--c--d/blobs/cccc");
        var error = Assert.Throws<ModelFormatException>(() => Checkpoint.Open(snapshot));
        Assert.Contains("outside its folder", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_says_what_was_looked_for_and_prefers_safetensors()
    {
        Refused(_files.Folder, "looked for model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json");
        Assert.Contains("no such file or folder", Assert.Throws<ModelFormatException>(() => Checkpoint.Open(_files.Path("absent"))).Message, StringComparison.Ordinal);

        _files.Write("pytorch_model.bin", ZipBuilder.Torch(PickleBuilder.StateDict(b => b.Tensor("ByteStorage", "0", 1), "pickled"), ("0", [1])).Build());
        using (var checkpoint = Checkpoint.Open(_files.Folder)) Assert.Equal(["pickled"], checkpoint.Names);
        Shard("a.safetensors", ("x", 1));
        Index("""{"weight_map":{"x":"a.safetensors"}}""");
        using (var checkpoint = Checkpoint.Open(_files.Folder)) Assert.Equal(["x"], checkpoint.Names);
        Shard("model.safetensors", ("single", 1));
        using (var checkpoint = Checkpoint.Open(_files.Folder)) Assert.Equal(["single"], checkpoint.Names);
    }

    [Fact]
    public void An_empty_file_and_a_folder_in_the_place_of_a_shard_are_named()
    {
        _files.Write("model.safetensors", []);
        Refused("model.safetensors", "empty");
        Directory.CreateDirectory(_files.Path("b.safetensors"));
        Shard("a.safetensors", ("x", 1));
        File.Delete(_files.Path("model.safetensors"));
        Index("""{"weight_map":{"x":"b.safetensors"}}""");
        Refused("b.safetensors", "missing");
    }

    private void Index(string json) => _files.Write("model.safetensors.index.json", System.Text.Encoding.UTF8.GetBytes(json));

    private void Shard(string file, params (string Name, byte Value)[] tensors) =>
        SafetensorsWriter.Write(_files.Path(file), tensors.ToDictionary(t => t.Name, t => TensorData.From([t.Value], 1)));

    private void Refused(string file, string reason)
    {
        var error = Assert.Throws<ModelFormatException>(() => Checkpoint.Open(_files.Folder));
        Assert.Contains(file, error.File, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
