using FlowCut.Kernels;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Testing;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Parity;

/// <summary>The same answers by the CUDA kernels in fp32, on the simulator and, where there is one, on a GPU.</summary>
public class DeviceGoldenTests
{
    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var device in new[] { TestDevices.Simulator, TestDevices.Gpu })
        {
            foreach (var picture in new[] { "chelsea", "astronaut", "rocket" })
            {
                foreach (var budget in new[] { "full", "t8", "t16", "t32" }) data.Add(device, $"{picture}-{budget}");
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_tiny_answer_equals_the_golden_tensor_by_tensor(string device, string name)
    {
        using var backend = CudaBackend.Open(device, TestDevices.Require(device), activations: ElementType.Float32);
        await LlavaCase.Check(Require("llava-1.5-tiny"), "llava-1.5-tiny", name, backend);
    }

    /// <summary>Heads that share keys and values, two shards, the later tensor names.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public async Task An_answer_of_grouped_queries_equals_the_golden(string device)
    {
        using var backend = CudaBackend.Open(device, TestDevices.Require(device), activations: ElementType.Float32);
        await LlavaCase.Check(Require("llava-1.5-mini-renamed"), "llava-1.5-mini-renamed", "camera-grey-full", backend);
    }

    /// <summary>576 patches and 32 decoder layers.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public async Task An_answer_of_real_length_equals_the_golden(string device)
    {
        using var backend = CudaBackend.Open(device, TestDevices.Require(device), activations: ElementType.Float32);
        await LlavaCase.Check(Require("llava-1.5-mid"), "llava-1.5-mid", "chelsea-t64", backend);
    }
}
