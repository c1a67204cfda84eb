using FlowCut.Interop;
using FlowCut.Testing;

namespace FlowCut.Kernels.Tests.Compilation;

/// <summary>The real NVRTC: of this machine, or the one that lies beside the complete set of goldens.</summary>
internal static class Nvrtc
{
    private static readonly Lazy<bool> s_onThisMachine = new(() =>
    {
        try
        {
            _ = NativeCuda.System.Nvrtc;
            return true;
        }
        catch (CudaNotAvailableException)
        {
            return false;
        }
    });

    private static readonly Lock s_lock = new();

    /// <summary>Skips the test where there is none, or fails it where it is required.</summary>
    public static NativeCuda Require()
    {
        if (s_onThisMachine.Value) return NativeCuda.System;
        var folder = CudaReference.RequireNvrtc();
        lock (s_lock)
        {
            // a failed search is not remembered: the next one reads the variable
            Environment.SetEnvironmentVariable("FLOWCUT_CUDA_PATH", folder);
            _ = NativeCuda.System.Nvrtc;
            return NativeCuda.System;
        }
    }
}
