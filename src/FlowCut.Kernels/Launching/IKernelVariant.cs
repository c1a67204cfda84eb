using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels;

/// <summary>
/// One compilable form of a kernel: a source, and what its configuration header says. The value itself is the key of the
/// table of loaded kernels, so it holds only what changes the generated code and the launch.
/// </summary>
internal interface IKernelVariant<TSelf> : IEquatable<TSelf>
    where TSelf : struct, IKernelVariant<TSelf>
{
    /// <summary>Path below kernels/, with forward slashes: "transformer/rms_norm.cu".</summary>
    string Source { get; }

    /// <summary>The entry point: "fc_rms_norm".</summary>
    string Entry { get; }

    /// <summary>The name under which the source includes its configuration: "config/rms_norm.cuh".</summary>
    string ConfigName { get; }

    /// <summary>Dynamic shared memory of a launch in bytes.</summary>
    int SharedBytes { get; }

    /// <summary>Writes the configuration header. Equal variants write equal text.</summary>
    void WriteConfig(ConfigWriter config);
}
