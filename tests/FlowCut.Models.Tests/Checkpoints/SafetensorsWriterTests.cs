using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Checkpoints;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly CheckpointFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void What_is_written_in_pieces_is_read_back()
    {
        var path = _files.Path("t.safetensors");
        using (var writer = SafetensorsWriter.Create(path, [new("first", StoredType.Float32, [2, 2]), new("nothing", StoredType.Int64, [0]), new("last", StoredType.UInt8, [3])], new Dictionary<string, string> { ["schlüssel"] = "\"\n✓" }))
        {
            writer.Write("first", [1f]);
            writer.Write("first", [2f, 3f, 4f]);
            Assert.False(File.Exists(path));
            writer.Write("last", new byte[] { 5, 6, 7 });
            writer.Complete();
        }

        using var checkpoint = Checkpoint.Open(path);
        var values = new float[4];
        checkpoint.Get("first", 2, 2).ReadSingles(values);
        Assert.Equal([1, 2, 3, 4], values);
        Assert.Equal(0, checkpoint.Get("nothing", 0).ByteLength);
        Assert.Equal([5, 6, 7], checkpoint.Get("last", 3).Bytes.ToArray());
        Assert.Equal("\"\n✓", checkpoint.Metadata["schlüssel"]);
        Assert.Equal(0, BitConverter.ToInt64(File.ReadAllBytes(path)) % 8);
        Assert.Equal([path], Directory.GetFiles(_files.Folder));
    }

    [Fact]
    public void Memory_is_written_wide_types_first_and_a_stored_tensor_is_copied()
    {
        var path = _files.Path("t.safetensors");
        SafetensorsWriter.Write(path, new Dictionary<string, TensorData> { ["b"] = TensorData.From([1], 1), ["f"] = TensorData.From([1.5f], []), ["l"] = TensorData.From([long.MinValue, 7], 2) });
        using var checkpoint = Checkpoint.Open(path);
        Assert.Equal(["l", "f", "b"], checkpoint.Names);
        var copy = _files.Path("copy.safetensors");
        using (var writer = SafetensorsWriter.Create(copy, [.. checkpoint.Names.Select(n => new TensorDeclaration(n, checkpoint.Get(n).Type, checkpoint.Get(n).Shape))]))
        {
            foreach (var name in checkpoint.Names) writer.Write(name, checkpoint.Get(name));
            writer.Complete();
        }

        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(copy));
    }

    [Fact]
    public void Without_completion_the_old_file_stays_and_nothing_else()
    {
        var path = _files.Write("t.safetensors", [1, 2, 3]);
        using (var writer = SafetensorsWriter.Create(path, [new("a", StoredType.UInt8, [2])])) writer.Write("a", new byte[] { 1 });
        using (var writer = SafetensorsWriter.Create(path, [new("a", StoredType.UInt8, [2])]))
        {
            writer.Write("a", new byte[] { 1 });
            Assert.Contains("'a' lacks 1 bytes", Assert.Throws<InvalidOperationException>(writer.Complete).Message, StringComparison.Ordinal);
        }

        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(_files.Folder));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(200)]
    [InlineData(5000)]
    public void A_full_disk_is_an_io_error_and_leaves_the_old_file_and_nothing_else(int room)
    {
        var path = _files.Write("t.safetensors", [1, 2, 3]);
        Assert.Throws<IOException>(() =>
        {
            using var writer = SafetensorsWriter.Create(path, [new("a", StoredType.UInt8, [4000]), new("b", StoredType.UInt8, [4000])], null, (file, _) => new FullDisk(file, room));
            writer.Write("a", new byte[4000]);
            writer.Write("b", new byte[4000]);
            writer.Complete();
        });
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(_files.Folder));
    }

    [Fact]
    public void More_than_any_disk_holds_is_refused_at_once()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reserving space fails early where the file system can tell");
        Assert.Throws<IOException>(() => SafetensorsWriter.Create(_files.Path("t.safetensors"), [new("a", StoredType.UInt8, [1L << 60])]));
        Assert.Empty(Directory.GetFiles(_files.Folder));
    }

    [Fact]
    public void A_path_that_cannot_be_written_is_an_io_error_and_leaves_nothing()
    {
        Assert.Throws<DirectoryNotFoundException>(() => SafetensorsWriter.Create(_files.Path("absent/t.safetensors"), []));
        Assert.Throws<IOException>(() => SafetensorsWriter.Create(_files.Folder, []));
        var path = _files.Write("file", [1]);
        Assert.ThrowsAny<IOException>(() => SafetensorsWriter.Create(Path.Combine(path, "t.safetensors"), []));

        // a folder that takes the target's place while the data is written
        var target = _files.Path("late");
        using (var writer = SafetensorsWriter.Create(target, []))
        {
            Directory.CreateDirectory(target);
            var error = Record.Exception(writer.Complete);
            Assert.True(error is IOException or UnauthorizedAccessException, error?.ToString());
        }

        Assert.Equal([path], Directory.GetFiles(_files.Folder));
    }

    [Fact]
    public void Misuse_is_an_argument_error()
    {
        var path = _files.Path("t.safetensors");
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(path, [new("a", StoredType.UInt8, [1]), new("a", StoredType.UInt8, [1])]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(path, [new("__metadata__", StoredType.UInt8, [1])]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(path, [new("a", StoredType.Other, [1])]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(path, [new("a", StoredType.UInt8, [1L << 40, 1L << 40])]));
        Assert.Throws<ArgumentOutOfRangeException>(() => SafetensorsWriter.Create(path, [new("a", StoredType.UInt8, [-1])]));
        using (var writer = SafetensorsWriter.Create(path, [new("a", StoredType.UInt8, [1]), new("b", StoredType.UInt8, [1])]))
        {
            Assert.Throws<ArgumentException>(() => writer.Write("b", new byte[1]));
            Assert.Throws<ArgumentException>(() => writer.Write("c", new byte[1]));
            Assert.Throws<ArgumentException>(() => writer.Write("a", new byte[2]));
            writer.Write("a", new byte[1]);
            writer.Write("b", new byte[1]);
            Assert.Throws<ArgumentException>(() => writer.Write("b", new byte[1]));
            writer.Complete();
            Assert.Throws<ObjectDisposedException>(() => writer.Write("b", new byte[1]));
            Assert.Throws<ObjectDisposedException>(writer.Complete);
        }

        Assert.Equal([path], Directory.GetFiles(_files.Folder));
    }

    /// <summary>A file on a disk that has room for so many bytes; as there, the flush on closing fails too.</summary>
    private sealed class FullDisk(string path, int room) : FileStream(path, FileMode.CreateNew)
    {
        private bool _full;

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _full |= Length + buffer.Length > room;
            if (_full) throw new IOException("No space left on device");
            base.Write(buffer);
            Flush();
        }

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            if (_full && disposing) throw new IOException("No space left on device");
        }
    }
}
