using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using FlowCut.Interop;

namespace FlowCut.Kernels.Compilation;

/// <summary>A source with every header that it includes, directly or not, in the order of their names.</summary>
internal sealed record KernelSource(string Name, string Text, IReadOnlyList<NvrtcHeader> Headers);

/// <summary>The device code that travels inside the assembly, and which headers a source needs.</summary>
internal static partial class KernelSources
{
    private static readonly Dictionary<string, string> s_resources = Index();
    private static readonly ConcurrentDictionary<string, string> s_texts = new(StringComparer.Ordinal);

    /// <summary>All files of device code, by their paths below kernels/ with forward slashes.</summary>
    public static IEnumerable<string> Names => s_resources.Keys;

    /// <summary>The text of a file.</summary>
    /// <exception cref="ArgumentException">There is no such file.</exception>
    public static string Read(string name) => s_texts.GetOrAdd(name, static name =>
    {
        if (!s_resources.TryGetValue(name, out var resource))
            throw new ArgumentException($"There is no kernel source '{name}' in the library.", nameof(name));
        using var reader = new StreamReader(typeof(KernelSources).Assembly.GetManifestResourceStream(resource)!);
        // one text on every system, so that a checkout with other line ends has the same key
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    });

    /// <summary>A source with its includes, where the configuration header has the given text instead of its default.</summary>
    /// <exception cref="ArgumentException">The source or an included file does not exist.</exception>
    public static KernelSource Resolve(string name, string configName, string config)
    {
        var text = Read(name);
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Collect(text, configName, config, headers);
        return new KernelSource(name, text, [.. headers.Select(h => new NvrtcHeader(h.Key, h.Value))]);
    }

    private static void Collect(string text, string configName, string config, SortedDictionary<string, string> headers)
    {
        foreach (Match include in IncludeLine().Matches(text))
        {
            var name = include.Groups[1].Value;
            if (headers.ContainsKey(name)) continue;
            headers.Add(name, name == configName ? config : Read(name));
            Collect(headers[name], configName, config, headers);
        }
    }

    private static Dictionary<string, string> Index()
    {
        var resources = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var resource in typeof(KernelSources).Assembly.GetManifestResourceNames())
        {
            // built on Windows, the names have the other slash
            var name = resource.Replace('\\', '/');
            if (name.EndsWith(".cu", StringComparison.Ordinal) || name.EndsWith(".cuh", StringComparison.Ordinal)) resources.Add(name, resource);
        }

        return resources;
    }

    [GeneratedRegex("^[ \t]*#[ \t]*include[ \t]*\"([^\"]+)\"", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex IncludeLine();
}
