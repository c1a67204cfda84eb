using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Models;

namespace FlowCut.Cli;

/// <summary>Exit statuses, and the one place where an exception becomes one of them.</summary>
internal static class ExitStatus
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int BadInput = 2;
    public const int NoDevice = 3;
    public const int Interrupted = 130;

    /// <summary>Runs a command's work; a failure is one or two lines on standard error, never a stack trace unless FLOWCUT_DEBUG=1.</summary>
    public static async Task<int> Run(Func<Task<int>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e)
        {
            var status = Of(e);
            if (Environment.GetEnvironmentVariable("FLOWCUT_DEBUG") == "1")
                await Console.Error.WriteLineAsync(e.ToString());
            else if (status != Interrupted)
                await Console.Error.WriteLineAsync($"flowcut: {Describe(e)}");
            return status;
        }
    }

    private static int Of(Exception e) => e switch
    {
        OperationCanceledException => Interrupted,
        InputException => BadInput,
        OutputPathException => BadInput,
        DeviceNotAvailableException or DeviceNotSupportedException or CudaNotAvailableException => NoDevice,
        _ => Failed,
    };

    private static string Describe(Exception e) => e switch
    {
        InputException or OutputPathException or OutputFailedException or DeviceNotAvailableException or ComputationException or ModelOutOfMemoryException => e.Message,
        NativeCudaException or DeviceNotSupportedException or DeviceOutOfMemoryException or ContextLostException or KernelCompilationException => e.Message,
        // named files have exceptions of their own, so this is a stream that the command was given
        IOException => $"standard output or input failed: {e.Message}",
        OutOfMemoryException => $"out of memory: {e.Message}",
        _ => $"{e.Message} ({e.GetType().Name}; FLOWCUT_DEBUG=1 shows where)",
    };
}

/// <summary>A file that was asked for cannot be written there.</summary>
internal sealed class OutputPathException(string path, string reason) : Exception($"{path}: cannot be written: {reason}");

/// <summary>Writing a file failed after it had been found possible: the disk is full, or the file is too large for it.</summary>
internal sealed class OutputFailedException(string path, Exception cause) : Exception($"{path}: could not be written: {cause.Message}", cause);

/// <summary>The asked device or library is not there.</summary>
internal sealed class DeviceNotAvailableException(string message, Exception? cause = null) : Exception(message, cause);
