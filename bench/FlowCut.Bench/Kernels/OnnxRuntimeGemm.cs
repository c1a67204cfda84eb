using FlowCut.Peers.OnnxRuntime;
using Microsoft.ML.OnnxRuntime;

namespace FlowCut.Bench.Kernels;

/// <summary>y = x·Wᵀ in ONNX Runtime (MLAS): a graph of one Gemm whose constant weight it packs when it loads.</summary>
internal sealed class OnnxRuntimeGemm : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly OrtValue _x, _y;
    private readonly string[] _outputNames;

    public OnnxRuntimeGemm(int rows, int depth, int columns)
    {
        var folder = Directory.CreateTempSubdirectory("gemm-peer-").FullName;
        try
        {
            using (var file = File.Create(Path.Combine(folder, "weight.bin")))
                file.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(LinearWork.Values(depth * columns).AsSpan()));
            var graph = new OnnxGraph();
            graph.Input("x", rows, depth);
            graph.Weight("w", "weight.bin", 0, columns, depth);
            var y = graph.Node("Gemm", ["x", "w"], ("transB", 1));
            graph.Output(y, rows, columns);
            using var options = new SessionOptions { IntraOpNumThreads = Environment.ProcessorCount };
            options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", folder);
            _session = new InferenceSession(graph.ToModel(), options);
            _outputNames = [y];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        _x = OrtValue.CreateTensorValueFromMemory(LinearWork.Values(rows * depth), [rows, depth]);
        _y = OrtValue.CreateTensorValueFromMemory(new float[rows * columns], [rows, columns]);
    }

    public void Run() => _session.Run(_runOptions, ["x"], [_x], _outputNames, [_y]);

    public void Dispose()
    {
        _x.Dispose();
        _y.Dispose();
        _runOptions.Dispose();
        _session.Dispose();
    }
}
