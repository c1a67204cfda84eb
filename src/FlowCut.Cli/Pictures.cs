using FlowCut.Imaging.Skia;
using FlowCut.Models;
using FlowCut.Models.Imaging;

namespace FlowCut.Cli;

/// <summary>Reads picture files for commands.</summary>
internal static class Pictures
{
    /// <summary>Decodes a picture; of an animation the first frame, which is said on standard error.</summary>
    public static RgbImage Load(string path)
    {
        var decoded = PictureFile.Load(path);
        if (decoded.FrameCount > 1) Console.Error.WriteLine($"{path}: an animation of {decoded.FrameCount} frames, the first is used");
        return decoded.Image;
    }

    /// <summary>Runs the work on a decoded picture; what is wrong with the picture is said with its file's name.</summary>
    public static async Task<T> Naming<T>(string path, Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (PictureFormatException e)
        {
            throw new PictureFormatException($"{path}: {e.Message}", e);
        }
    }
}
