namespace FlowCut.Kernels.Compilation;

/// <summary>A variant without its type: what the compiler, the cache and reports need.</summary>
internal sealed record KernelDescription(string Source, string Entry, string ConfigName, string Config, int SharedBytes)
{
    public static KernelDescription Of<TVariant>(TVariant variant)
        where TVariant : struct, IKernelVariant<TVariant>
    {
        var config = new ConfigWriter();
        variant.WriteConfig(config);
        return new KernelDescription(variant.Source, variant.Entry, variant.ConfigName, config.ToString(), variant.SharedBytes);
    }

    /// <summary>The source with its includes.</summary>
    public KernelSource Resolve() => KernelSources.Resolve(Source, ConfigName, Config);

    /// <summary>The configuration in one line: "Elem=fc::Half kHeadSize=64".</summary>
    public string Summary => string.Join(' ', Config.Split('\n').Select(Setting).Where(s => s.Length > 0));

    private static string Setting(string line)
    {
        var equals = line.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0) return "";
        var name = line[..equals].TrimEnd();
        return $"{name[(name.LastIndexOf(' ') + 1)..]}={line[(equals + 1)..].Trim().TrimEnd(';')}";
    }
}
