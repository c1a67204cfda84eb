namespace FlowCut.Cli;

/// <summary>Files that a command writes: checked before the work starts, written to a temporary name and moved.</summary>
internal static class OutputFile
{
    /// <summary>Fails early where <paramref name="path"/> can never be written, so that no answer is computed in vain.</summary>
    /// <exception cref="OutputPathException">The folder does not exist or cannot be written, or the path is a folder.</exception>
    public static void Check(string? path)
    {
        if (path is null) return;
        CheckNamed(path);
        if (Directory.Exists(path)) throw new OutputPathException(path, "it is a folder");
        var folder = Path.GetDirectoryName(Path.GetFullPath(path));
        if (!Directory.Exists(folder)) throw new OutputPathException(path, $"the folder {folder} does not exist");
        var probe = Path.Combine(folder, $".flowcut-{Environment.ProcessId}-{Guid.NewGuid():N}.tmp");
        try
        {
            new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputPathException(path, e.Message);
        }
    }

    /// <summary>Fails early where files can never be put into <paramref name="folder"/>, which may not exist yet.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="file">Name of one of the files.</param>
    /// <exception cref="OutputPathException">It is a file, it cannot be written, or what it would lie in does not exist.</exception>
    public static void CheckFolder(string folder, string file)
    {
        CheckNamed(folder);
        if (File.Exists(folder)) throw new OutputPathException(folder, "it is a file, a folder is needed");
        var parent = Directory.Exists(folder) ? folder : Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        if (!Directory.Exists(parent)) throw new OutputPathException(folder, $"the folder {parent} does not exist");
        Check(Path.Combine(parent, file));
    }

    /// <summary>An empty path is what a script passes whose variable is not set.</summary>
    /// <exception cref="OutputPathException">It is empty.</exception>
    public static void CheckNamed(string path)
    {
        if (path.Length == 0) throw new OutputPathException("''", "the path is empty");
    }

    /// <summary>Runs what writes <paramref name="path"/>; a failure names it.</summary>
    /// <exception cref="OutputFailedException">The disk is full, the file too large for it, or it is no longer allowed.</exception>
    public static void Write(string path, Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" })
        {
            // the framework turns the system's "file too large" into an ArgumentOutOfRangeException about 'value'
            throw new OutputFailedException(path, e);
        }
    }

    /// <summary>Writes text whole or not at all.</summary>
    public static void WriteText(string path, string text)
    {
        var temporary = path + $".{Environment.ProcessId}.tmp";
        try
        {
            File.WriteAllText(temporary, text);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>
    /// Puts files into a folder, which is made where it does not exist: all of them or none. They are written into a
    /// temporary folder on the same disk, since a full one is noticed there, and moved when the last is complete.
    /// </summary>
    /// <param name="folder">Where the files shall lie.</param>
    /// <param name="fill">Writes the files into the folder it is given.</param>
    public static void WriteFolder(string folder, Action<string> fill)
    {
        folder = Path.TrimEndingDirectorySeparator(folder);
        var exists = Directory.Exists(folder);
        var temporary = exists ? Path.Combine(folder, $".flowcut-{Environment.ProcessId}.tmp") : $"{folder}.{Environment.ProcessId}.tmp";
        try
        {
            fill(Directory.CreateDirectory(temporary).FullName);
            if (!exists)
            {
                Directory.Move(temporary, folder);
                return;
            }

            foreach (var file in Directory.GetFiles(temporary)) File.Move(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        }
        finally
        {
            if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
        }
    }
}
