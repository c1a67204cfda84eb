using System.Globalization;

namespace FlowCut.Kernels.Caching;

/// <summary>
/// Tells one compiler or library from another: by its version, and by its file, because releases that differ in their last
/// number only, and a simulator that was built anew, report the same version.
/// </summary>
internal static class LibraryIdentity
{
    public static string Of(string name, Version version, string path)
    {
        try
        {
            var file = new FileInfo(path);
            // the loader may have been given a bare name: then the version has to do
            if (Path.IsPathRooted(path) && file.Exists)
                return string.Create(CultureInfo.InvariantCulture, $"{name} {version}, {file.Name}, {file.Length} bytes, {file.LastWriteTimeUtc.Ticks:x}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // a path that cannot be looked at is as good as none
        }

        return $"{name} {version}";
    }
}
