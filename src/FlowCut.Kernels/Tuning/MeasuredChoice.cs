using System.Diagnostics;
using System.Globalization;
using FlowCut.Interop;
using FlowCut.Kernels.Caching;

namespace FlowCut.Kernels;

/// <summary>
/// A choice among several ways to do the same work, made by measuring them once on a device and kept in the kernel cache, so
/// that every later process on this device chooses the same.
/// </summary>
public static class MeasuredChoice
{
    private const int Warmups = 3;
    private const int Rounds = 7;
    private const string Extension = ".choice";

    /// <summary>
    /// Index of the way that takes the least time from the call to its end on the device, host time included; the median of
    /// rounds in which the ways take turns. The first where nothing can be measured: on a simulator, or while recording.
    /// </summary>
    /// <param name="kernels">Whose device and cache.</param>
    /// <param name="what">Names the work and all that its time depends on.</param>
    /// <param name="ways">Each queues the work into <paramref name="stream"/>, any number of times with the same effect.</param>
    /// <param name="stream">A stream of the same context; waited for if nothing was chosen before.</param>
    /// <exception cref="ArgumentException">There is no way.</exception>
    /// <exception cref="NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static int Fastest(KernelContext kernels, string what, ReadOnlySpan<Action> ways, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentException.ThrowIfNullOrEmpty(what);
        if (ways.IsEmpty) throw new ArgumentException("There is nothing to choose from.", nameof(ways));
        var measurable = ways.Length > 1 && ReferenceEquals(kernels.Context.Cuda, NativeCuda.System) && !CapturedGraph.IsRecording && !KernelSet.IsRehearsing;
        return measurable ? Remembered(kernels, what, ways, stream) : 0;
    }

    internal static int Remembered(KernelContext kernels, string what, ReadOnlySpan<Action> ways, CudaStream stream)
    {
        var device = kernels.Device;
        var identity = $"library {typeof(MeasuredChoice).Module.ModuleVersionId}, driver {kernels.Context.Driver.DriverGetVersion()}, {device.Name}, {device.Multiprocessors} multiprocessors";
        var key = CacheKey.Compute("choice", identity, what, ways.Length.ToString(CultureInfo.InvariantCulture));
        if (kernels.Cache.Read(key, Extension) is [var stored] && stored < ways.Length) return stored;

        var best = (byte)Measure(ways, stream);
        kernels.Cache.Write(key, Extension, [best], $"choice {what}", device.Architecture, identity);
        return best;
    }

    private static int Measure(ReadOnlySpan<Action> ways, CudaStream stream)
    {
        var times = new double[ways.Length][];
        for (var i = 0; i < times.Length; i++) times[i] = new double[Rounds];
        for (var round = -Warmups; round < Rounds; round++)
        {
            for (var i = 0; i < ways.Length; i++)
            {
                stream.Synchronize();
                var start = Stopwatch.GetTimestamp();
                ways[i]();
                stream.Synchronize();
                if (round >= 0) times[i][round] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }
        }

        var best = 0;
        foreach (var row in times) Array.Sort(row);
        for (var i = 1; i < times.Length; i++)
        {
            if (times[i][Rounds / 2] < times[best][Rounds / 2]) best = i;
        }

        return best;
    }
}
