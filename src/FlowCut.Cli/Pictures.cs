using FlowCut.Imaging.Skia;
using FlowCut.Models;
using FlowCut.Models.Imaging;

namespace FlowCut.Cli;

/// <summary>Reads picture files for commands.</summary>
internal static class Pictures
{
    /// <summary>Decodes a picture; of an animation the first frame, which is said on standard error.</summary>
    /// <exception cref="InputException">The path is empty, or the file is no picture that can be used.</exception>
    public static RgbImage Load(string path)
    {
        if (path.Length == 0) throw new InputException("--image '': the path is empty");
        var decoded = PictureFile.Load(path);
        if (decoded.FrameCount > 1) Console.Error.WriteLine($"{path}: an animation of {decoded.FrameCount} frames, the first is used");
        return decoded.Image;
    }
}
