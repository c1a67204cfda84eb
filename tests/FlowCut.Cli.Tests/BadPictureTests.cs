using System.Buffers.Binary;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Imaging.Skia;
using FlowCut.Models.Imaging;

namespace FlowCut.Cli.Tests;

/// <summary>Picture files with something wrong.</summary>
public sealed class BadPictureTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_that_does_not_exist() => AssertRefused(_folder["absent.png"], "absent.png", "does not exist");

    [Fact]
    public void A_folder() => AssertRefused(_folder.MakeFolder("folder.png"), "folder.png");

    [Fact]
    public void An_empty_file() => AssertRefused(_folder.Write("empty.png"), "empty.png", "empty");

    [Fact]
    public void A_text() => AssertRefused(_folder.Write("text.png", "a picture, honestly"u8.ToArray()), "text.png", "not a picture");

    [Theory]
    [InlineData(20)]
    [InlineData(100)]
    [InlineData(100_000)]
    [InlineData(240_000)]
    public void A_file_that_is_cut_off(int length) => AssertRefused(_folder.Write("cut.png", File.ReadAllBytes(Sample.Picture)[..length]), "cut.png");

    [Fact]
    public void A_picture_over_the_limit_by_its_header() => AssertRefused(_folder.Write("huge.png", WithSize(30_000, 30_000)), "huge.png", "30000x30000", "200 megapixels");

    [Fact]
    public void A_strip_whose_resized_picture_would_be_over_the_limit()
    {
        var strip = new RgbImage(1, 20_000, new byte[3 * 20_000]);
        PictureWriter.SavePng(strip, _folder["strip.png"]);
        Refusal.AssertRefused(
            ["generate", "--model", Sample.Model, "--image", _folder["strip.png"], "--prompt", "What?", "--device", "cpu", "--preprocess", "hf", "--trace", "trace.safetensors"],
            "strip.png", "20000");
    }

    [Fact]
    public void Several_pictures_for_a_model_that_takes_one() =>
        Refusal.AssertRefused([.. Sample.Generate("--image", Sample.Picture)], "one picture", "2");

    /// <summary>The sample picture with another size in its header, and the header's checksum to match.</summary>
    private static byte[] WithSize(int width, int height)
    {
        var bytes = File.ReadAllBytes(Sample.Picture);
        // signature, then the chunk IHDR: length, type, width, height, five bytes, checksum of type and content
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(29), Crc32(bytes.AsSpan(12, 17)));
        return bytes;
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320);
        }

        return ~crc;
    }

    private static void AssertRefused(string picture, params string[] named) => Refusal.AssertGenerateRefused(Sample.Model, picture, named);
}
