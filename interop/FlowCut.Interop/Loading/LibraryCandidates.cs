namespace FlowCut.Interop;

/// <summary>A name to give to the loader.</summary>
/// <param name="Name">A bare name, which the loader searches for, or a full path.</param>
/// <param name="Place">Why that name.</param>
/// <param name="Major">CUDA major of the library; 0 where one name serves all.</param>
/// <param name="IsPath">Whether the name is a path.</param>
internal sealed record LibraryCandidate(string Name, string Place, int Major, bool IsPath);

/// <summary>
/// Where libraries are looked for, in order: the README of this folder is the documentation. A pure function of what
/// <see cref="IMachine"/> shows. Within one place CUDA 13 comes before 12.
/// </summary>
internal static class LibraryCandidates
{
    /// <summary>The variable with which a user names a toolkit, or the very folder that holds the libraries.</summary>
    public const string OverrideVariable = "FLOWCUT_CUDA_PATH";

    public static IReadOnlyList<LibraryCandidate> For(NativeLibraryKind kind, IMachine machine)
    {
        if (kind == NativeLibraryKind.Driver) return OfDriver(machine);
        var named = InFolders(kind, machine, OverrideVariable, OverrideFolders(machine));
        // Whoever names a folder that has the library means that one: another would be a silent replacement if it does not work.
        if (named.Exists(candidate => machine.FileExists(candidate.Name))) return named;
        var all = named;
        foreach (var major in NativeLibraryKinds.Majors) all.Add(new LibraryCandidate(kind.FileName(major, machine.IsWindows), "the loader's search path", major, false));
        foreach (var variable in new[] { "CUDA_HOME", "CUDA_PATH" }) all.AddRange(InFolders(kind, machine, variable, ToolkitFolders(machine, machine.Variable(variable))));
        foreach (var toolkit in InstalledToolkits(machine)) all.AddRange(InFolders(kind, machine, "an installed toolkit", ToolkitFolders(machine, toolkit)));
        all.AddRange(InFolders(kind, machine, "a Python package", PythonFolders(kind, machine)));
        return [.. all.DistinctBy(candidate => candidate.Name)];
    }

    private static LibraryCandidate[] OfDriver(IMachine machine)
    {
        const string SearchPath = "the loader's search path";
        if (machine.IsWindows) return [new LibraryCandidate("nvcuda.dll", SearchPath, 0, false)];
        return
        [
            new LibraryCandidate("libcuda.so.1", SearchPath, 0, false),
            new LibraryCandidate("libcuda.so", SearchPath, 0, false),
            new LibraryCandidate("/usr/lib/wsl/lib/libcuda.so.1", "Windows Subsystem for Linux", 0, true),
        ];
    }

    private static List<LibraryCandidate> InFolders(NativeLibraryKind kind, IMachine machine, string place, IEnumerable<string> folders)
    {
        var candidates = new List<LibraryCandidate>();
        foreach (var folder in folders)
        {
            foreach (var major in NativeLibraryKinds.Majors)
                candidates.Add(new LibraryCandidate(Join(machine, folder, kind.FileName(major, machine.IsWindows)), place, major, true));
        }

        return candidates;
    }

    /// <summary>The folder itself is listed even if it does not exist, so that a misspelt variable shows in the report.</summary>
    private static IEnumerable<string> OverrideFolders(IMachine machine)
    {
        var named = machine.Variable(OverrideVariable);
        return string.IsNullOrWhiteSpace(named) ? [] : ToolkitFolders(machine, named).Prepend(named);
    }

    /// <summary>Folders of a toolkit that can hold libraries, those that exist.</summary>
    private static IEnumerable<string> ToolkitFolders(IMachine machine, string? root)
    {
        if (string.IsNullOrWhiteSpace(root)) return [];
        if (machine.IsWindows) return Existing(machine, Join(machine, root, "bin"), Join(machine, root, "bin", "x64"));
        return
        [
            .. Existing(machine, Join(machine, root, "lib64")),
            .. Existing(machine, [.. machine.Folders(Join(machine, root, "targets"), "*").Select(target => Join(machine, target, "lib"))]),
            .. Existing(machine, Join(machine, root, "lib")),
        ];
    }

    /// <summary>Toolkits in the usual place: the one that is set as current first, then the newest.</summary>
    private static IEnumerable<string> InstalledToolkits(IMachine machine)
    {
        if (!machine.IsWindows) return machine.Folders("/usr/local", "cuda*").OrderByDescending(VersionOf);
        var programs = machine.Variable("ProgramFiles");
        return string.IsNullOrEmpty(programs) ? [] : machine.Folders(Join(machine, programs, "NVIDIA GPU Computing Toolkit", "CUDA"), "v*").OrderByDescending(VersionOf);
    }

    /// <summary>"cuda-12.4" is 12.4, "v13.0" is 13.0; a name without a version is the current toolkit and greater than any.</summary>
    private static Version VersionOf(string folder)
    {
        var name = folder[(folder.LastIndexOfAny(['/', '\\']) + 1)..];
        var digits = name.TrimStart("cudav-".ToCharArray());
        if (digits.Length == 0) return new Version(int.MaxValue, 0);
        return Version.TryParse(digits.Contains('.', StringComparison.Ordinal) ? digits : digits + ".0", out var version) ? version : new Version(0, 0);
    }

    /// <summary>Folders of NVIDIA's Python packages: <c>nvidia/cuda_nvrtc/lib</c> (CUDA 12) and <c>nvidia/cu13/lib</c> (CUDA 13); and conda's own.</summary>
    private static IEnumerable<string> PythonFolders(NativeLibraryKind kind, IMachine machine)
    {
        string[] packages = kind == NativeLibraryKind.Nvrtc ? ["cu13", "cuda_nvrtc"] : ["cu13", "cublas"];
        var subfolders = machine.IsWindows ? new[] { "bin", Join(machine, "bin", "x86_64") } : ["lib"];
        foreach (var site in SitePackages(machine))
        {
            foreach (var package in packages)
            {
                foreach (var subfolder in subfolders)
                {
                    var folder = Join(machine, site, "nvidia", package, subfolder);
                    if (machine.FolderExists(folder)) yield return folder;
                }
            }
        }

        if (machine.Variable("CONDA_PREFIX") is { Length: > 0 } conda)
        {
            foreach (var folder in Existing(machine, machine.IsWindows ? Join(machine, conda, "Library", "bin") : Join(machine, conda, "lib"))) yield return folder;
        }
    }

    private static IEnumerable<string> SitePackages(IMachine machine)
    {
        var prefixes = new[] { machine.Variable("VIRTUAL_ENV"), machine.Variable("CONDA_PREFIX") }.OfType<string>().Where(prefix => prefix.Length > 0);
        if (machine.IsWindows) return Existing(machine, [.. prefixes.Select(prefix => Join(machine, prefix, "Lib", "site-packages"))]);
        if (machine.Variable("HOME") is { Length: > 0 } home) prefixes = prefixes.Append(Join(machine, home, ".local"));
        prefixes = prefixes.Append("/usr/local").Append("/usr");
        return prefixes
            .SelectMany(prefix => machine.Folders(Join(machine, prefix, "lib"), "python3*"))
            .SelectMany(python => Existing(machine, Join(machine, python, "site-packages"), Join(machine, python, "dist-packages")));
    }

    private static IEnumerable<string> Existing(IMachine machine, params string[] folders) => folders.Where(machine.FolderExists);

    private static string Join(IMachine machine, params ReadOnlySpan<string> parts)
    {
        var separator = machine.IsWindows ? '\\' : '/';
        var path = parts[0].TrimEnd(separator, '/');
        foreach (var part in parts[1..]) path += separator + part;
        return path;
    }
}
