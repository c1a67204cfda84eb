using Microsoft.ML.OnnxRuntime;

namespace FlowCut.Peers.OnnxRuntime;

/// <summary>A CLIP tower loaded into ONNX Runtime, with its input and output bound once, so that a forward allocates nothing.</summary>
internal sealed class ClipSession : IDisposable
{
    private const string WeightFolderKey = "session.model_external_initializers_file_folder_path";

    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly OrtValue _input;
    private readonly OrtValue _output;
    private readonly string[] _outputNames;

    public ClipSession(ClipShape shape, GraphStyle style, string weightFile, int threads)
    {
        using var options = new SessionOptions();
        options.GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL;
        options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        options.IntraOpNumThreads = threads;
        options.AddSessionConfigEntry(WeightFolderKey, Path.GetDirectoryName(weightFile)!);

        var graph = new ClipGraph(shape, style, Path.GetFileName(weightFile));
        _session = new InferenceSession(graph.ToModel(), options);
        _outputNames = [graph.OutputName];
        Pixels = new float[3 * shape.Image * shape.Image];
        Features = new float[shape.Patches * shape.Hidden];
        _input = OrtValue.CreateTensorValueFromMemory(Pixels, [1, 3, shape.Image, shape.Image]);
        _output = OrtValue.CreateTensorValueFromMemory(Features, [1, shape.Patches, shape.Hidden]);
    }

    /// <summary>[3, image, image], normalised; read by <see cref="Forward"/>.</summary>
    public float[] Pixels { get; }

    /// <summary>[patches, hidden]; written by <see cref="Forward"/>.</summary>
    public float[] Features { get; }

    public void Forward() => _session.Run(_runOptions, [ClipGraph.InputName], [_input], _outputNames, [_output]);

    public void Dispose()
    {
        _input.Dispose();
        _output.Dispose();
        _runOptions.Dispose();
        _session.Dispose();
    }
}
