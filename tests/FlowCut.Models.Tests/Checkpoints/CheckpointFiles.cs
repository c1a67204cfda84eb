using System.Text;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Checkpoints;

/// <summary>A folder of its own for a test, and files in it.</summary>
public sealed class CheckpointFiles : IDisposable
{
    public CheckpointFiles() => Folder = Directory.CreateTempSubdirectory("flowcut-checkpoints-").FullName;

    public string Folder { get; }

    public string Path(string name) => System.IO.Path.Combine(Folder, name);

    public string Write(string name, ReadOnlySpan<byte> bytes)
    {
        File.WriteAllBytes(Path(name), bytes);
        return Path(name);
    }

    /// <summary>A safetensors file of this header, padded or not as given, and this many data bytes 0, 1, 2, ….</summary>
    public static byte[] Safetensors(string header, int dataLength) => Safetensors(Encoding.UTF8.GetBytes(header), dataLength);

    public static byte[] Safetensors(byte[] header, int dataLength) =>
        [.. BitConverter.GetBytes((long)header.Length), .. header, .. Enumerable.Range(0, dataLength).Select(i => (byte)i)];

    /// <summary>Opens bytes through the reader of safetensors or of PyTorch files, touches every tensor, and returns their names.</summary>
    /// <exception cref="InvalidOperationException">A tensor lies outside the bytes or has an impossible shape.</exception>
    internal static unsafe IReadOnlyCollection<string> Parse(ReadOnlySpan<byte> bytes, Func<MappedFile, Checkpoint> parse)
    {
        fixed (byte* data = bytes)
        {
            using var checkpoint = parse(new MappedFile("memory", data, bytes.Length));
            foreach (var name in checkpoint.Names)
            {
                var tensor = checkpoint.Get(name);
                if (tensor.Data < data || tensor.ByteLength < 0 || tensor.Data + tensor.ByteLength > data + bytes.Length)
                    throw new InvalidOperationException($"Tensor '{name}' lies outside the file.");
                if (tensor.Shape.Any(extent => extent < 0)) throw new InvalidOperationException($"Tensor '{name}' has a negative extent.");
                if (tensor.Type != StoredType.Other && tensor.ElementCount > tensor.ByteLength)
                    throw new InvalidOperationException($"Tensor '{name}' has more elements than bytes.");
            }

            return checkpoint.Names;
        }
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
