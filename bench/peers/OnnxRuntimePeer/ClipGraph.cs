namespace FlowCut.Peers.OnnxRuntime;

/// <summary>How the graph is written.</summary>
internal enum GraphStyle
{
    /// <summary>ONNX Runtime's own operators where they pay: bias inside Gemm, MultiHeadAttention, QuickGelu. The fastest form measured.</summary>
    Fused,

    /// <summary>Standard operators only, as an exporter emits them; ONNX Runtime fuses what its optimiser recognises.</summary>
    Exported,
}

/// <summary>
/// A CLIP vision tower as an ONNX graph: pixels [1, 3, image, image] to the hidden states of the patches after the last
/// layer that is run, [1, patches, hidden]; the class token is dropped and no norm follows.
/// </summary>
internal sealed class ClipGraph
{
    public const string InputName = "pixel_values";

    private const float Epsilon = 1e-5f;
    private const float QuickGeluAlpha = 1.702f;

    private static readonly int[] SwapLastTwo = [0, 2, 1];
    private static readonly int[] SwapRowsAndColumns = [1, 0];
    private static readonly int[] HeadsFirst = [0, 2, 1, 3];
    private static readonly int[] HeadsFirstTransposed = [0, 2, 3, 1];

    private readonly OnnxGraph _graph = new();
    private readonly ClipShape _shape;
    private readonly GraphStyle _style;
    private readonly string _outputName;

    /// <summary>Builds the whole graph; <paramref name="weightFile"/> is relative to the folder that the session is given.</summary>
    public ClipGraph(ClipShape shape, GraphStyle style, string weightFile)
    {
        (_shape, _style) = (shape, style);
        AddConstants(weightFile);
        string x = Embed(_graph.Input(InputName, 1, 3, shape.Image, shape.Image));
        for (int i = 0; i < shape.Layers; i++)
            x = Layer(x, $"{i}.");
        _outputName = _graph.Node("Slice", [x, "patch_start", "patch_end", "token_axis"]);
        _graph.Output(_outputName, 1, shape.Patches, shape.Hidden);
    }

    public string OutputName => _outputName;

    public byte[] ToModel() => _graph.ToModel();

    private void AddConstants(string weightFile)
    {
        long offset = 0;
        foreach (ClipWeights.Entry entry in ClipWeights.Tensors(_shape))
        {
            _graph.Weight(entry.Name, weightFile, offset, entry.Shape);
            offset += entry.Count * sizeof(float);
        }
        _graph.Integers("flat_patches", 1, _shape.Hidden, _shape.Patches);
        _graph.Integers("patch_start", 1);
        _graph.Integers("patch_end", _shape.Tokens);
        _graph.Integers("token_axis", 1);
        if (_style == GraphStyle.Fused)
        {
            // -1 keeps the width, so that one constant serves both sides of the MLP
            _graph.Integers("matrix", _shape.Tokens, -1);
            _graph.Integers("batch", 1, _shape.Tokens, -1);
            return;
        }
        _graph.Integers("rows", 1, _shape.Tokens, _shape.Hidden);
        _graph.Integers("split_heads", 1, _shape.Tokens, _shape.Heads, _shape.HeadSize);
        _graph.Scalar("scale", 1 / MathF.Sqrt(_shape.HeadSize));
        _graph.Scalar("alpha", QuickGeluAlpha);
    }

    private string Embed(string pixels)
    {
        int[] patch = [_shape.Patch, _shape.Patch];
        string patches = _graph.Node("Conv", [pixels, "patch_embedding"], ("kernel_shape", patch), ("strides", patch));
        string columns = _graph.Node("Reshape", [patches, "flat_patches"]);
        string tokens = _graph.Node("Transpose", [columns], ("perm", SwapLastTwo));
        string withClass = _graph.Node("Concat", ["class_embedding", tokens], ("axis", 1));
        return Norm(_graph.Node("Add", [withClass, "position_embedding"]), "pre");
    }

    private string Layer(string x, string prefix)
    {
        string normed = Norm(x, prefix + "norm1");
        string q = Linear(normed, prefix + "q");
        string k = Linear(normed, prefix + "k");
        string v = Linear(normed, prefix + "v");
        string attended = _style == GraphStyle.Fused ? FusedAttention(q, k, v) : ExportedAttention(q, k, v);
        x = _graph.Node("Add", [x, Linear(attended, prefix + "out")]);
        string widened = Linear(Norm(x, prefix + "norm2"), prefix + "fc1");
        return _graph.Node("Add", [x, Linear(QuickGelu(widened), prefix + "fc2")]);
    }

    private string Norm(string x, string name) =>
        _graph.Node("LayerNormalization", [x, name + ".weight", name + ".bias"], ("axis", -1), ("epsilon", Epsilon));

    private string Linear(string x, string name)
    {
        if (_style == GraphStyle.Fused)
        {
            string y = _graph.Node("Gemm", [_graph.Node("Reshape", [x, "matrix"]), name + ".weight", name + ".bias"], ("transB", 1));
            return _graph.Node("Reshape", [y, "batch"]);
        }
        // the transposition of a constant is folded when the session is built
        string weight = _graph.Node("Transpose", [name + ".weight"], ("perm", SwapRowsAndColumns));
        return _graph.Node("Add", [_graph.Node("MatMul", [x, weight]), name + ".bias"]);
    }

    private string FusedAttention(string q, string k, string v) =>
        _graph.Node("MultiHeadAttention", OnnxGraph.Microsoft, [q, k, v], ("num_heads", _shape.Heads));

    private string ExportedAttention(string q, string k, string v)
    {
        string queries = Heads(q, HeadsFirst);
        string keys = Heads(k, HeadsFirstTransposed);
        string scores = _graph.Node("Mul", [_graph.Node("MatMul", [queries, keys]), "scale"]);
        string probabilities = _graph.Node("Softmax", [scores], ("axis", -1));
        string mixed = _graph.Node("MatMul", [probabilities, Heads(v, HeadsFirst)]);
        return _graph.Node("Reshape", [_graph.Node("Transpose", [mixed], ("perm", HeadsFirst)), "rows"]);
    }

    private string Heads(string x, int[] order) =>
        _graph.Node("Transpose", [_graph.Node("Reshape", [x, "split_heads"])], ("perm", order));

    private string QuickGelu(string x) => _style == GraphStyle.Fused
        ? _graph.Node("QuickGelu", OnnxGraph.Microsoft, [x], ("alpha", QuickGeluAlpha))
        : _graph.Node("Mul", [x, _graph.Node("Sigmoid", [_graph.Node("Mul", [x, "alpha"])])]);
}
