using System.Diagnostics;
using FlowCut.Kernels.Tests.Operations;
using FlowCut.Testing;

namespace FlowCut.Kernels.Tests.Caching;

/// <summary>Processes share one cache folder. Each is the sample for embedders, on the simulator.</summary>
[Collection(DeviceCollection.Name)]
public sealed class ProcessTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Two_that_start_at_once_and_a_third_that_finds_their_work()
    {
        CudaReference.RequireSimulator();
        using (Process first = Start(), second = Start())
        {
            AssertSucceeds(first);
            AssertSucceeds(second);
        }

        var images = Directory.GetFiles(_folder.Path, "*.cubin");
        Assert.NotEmpty(images);
        var cache = new KernelCache(_folder.Path);
        Assert.All(images, image => Assert.NotNull(cache.Read(Path.GetFileNameWithoutExtension(image), ".cubin")));
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.tmp"));

        using var third = Start();
        AssertSucceeds(third);
        Assert.Equal(images.Order(), Directory.GetFiles(_folder.Path, "*.cubin").Order());
    }

    private Process Start()
    {
        var sample = Path.Combine(AppContext.BaseDirectory, "EmbeddedKernels.dll");
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet", [sample, CudaReference.RequireSimulator()])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[KernelCache.FolderVariable] = _folder.Path;
        start.Environment.Remove("DOTNET_STARTUP_HOOKS");
        return Process.Start(start)!;
    }

    private static void AssertSucceeds(Process process)
    {
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error.Result);
        Assert.Contains("patches kept of 8: 0 1 5 6", output, StringComparison.Ordinal);
    }
}
