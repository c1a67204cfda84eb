using System.Buffers.Binary;

namespace FlowCut.Cli.Tests;

/// <summary>Pictures that cannot be read: exit status 2, a message that names the file, nothing written.</summary>
public class BadPictureTests
{
    [Theory]
    [InlineData("empty", "empty")]
    [InlineData("text", "")]
    [InlineData("truncated", "truncated")]
    [InlineData("30000x30000", "30000")]
    [InlineData("missing", "not exist")]
    public void A_bad_picture_is_refused(string kind, string reason)
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("picture.png");
        var whole = File.ReadAllBytes(Sample.Picture);
        switch (kind)
        {
            case "empty": File.WriteAllBytes(file, []); break;
            case "text": File.WriteAllText(file, "this is no picture\n"); break;
            case "truncated": File.WriteAllBytes(file, whole[..(whole.Length * 2 / 3)]); break;
            case "30000x30000": File.WriteAllBytes(file, Resized(whole, 30000, 30000)); break;
            default: break;
        }

        FlowcutProcess.Run(Sample.GenerateWith(Sample.Model, file, "--trace", folder.File("trace.safetensors"))).AssertRefused(2, "picture.png", reason);
        folder.AssertHolds(kind == "missing" ? [] : ["picture.png"]);
    }

    [Fact]
    public void A_picture_whose_resized_intermediate_passes_the_limit_is_refused_by_crop_and_fine_by_pad()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("tall.png");
        var thin = new Models.Imaging.RgbImage(1, 20000, new byte[3 * 20000]);
        Imaging.Skia.PictureWriter.SavePng(thin, file);
        FlowcutProcess.Run(Sample.GenerateWith(Sample.Model, file, "--preprocess", "hf")).AssertRefused(2, "tall.png");
        FlowcutProcess.Run(Sample.GenerateWith(Sample.Model, file, "--preprocess", "original")).AssertDone();
    }

    [Fact]
    public void LLaVA_takes_one_picture() =>
        FlowcutProcess.Run(Sample.Generate("--image", Sample.Picture)).AssertRefused(2, "one picture");

    /// <summary>A PNG whose header claims another size, with a valid checksum.</summary>
    private static byte[] Resized(byte[] png, int width, int height)
    {
        var bytes = (byte[])png.Clone();
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(29), Crc32(bytes.AsSpan(12, 17)));
        return bytes;
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
        }

        return ~crc;
    }
}
