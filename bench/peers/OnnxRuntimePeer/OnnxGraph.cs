using System.Globalization;
using System.Runtime.InteropServices;

namespace FlowCut.Peers.OnnxRuntime;

/// <summary>
/// An ONNX graph under construction. Nodes are added in the order in which they run; each returns the name of its
/// output. Field numbers are those of <c>onnx.proto</c>, the public schema of the format.
/// </summary>
internal sealed class OnnxGraph
{
    /// <summary>The domain of ONNX Runtime's own operators.</summary>
    public const string Microsoft = "com.microsoft";

    private const int IrVersion = 10;
    private const int OpsetVersion = 21;
    private const int ElementFloat = 1;
    private const int ElementInt64 = 7;
    private const int AttributeFloat = 1;
    private const int AttributeInt = 2;
    private const int AttributeInts = 7;

    private readonly ProtoWriter _graph = new();
    private int _nodes;

    /// <summary>Adds a node with one output and returns the output's name.</summary>
    public string Node(string op, string[] inputs, params (string Name, object Value)[] attributes) =>
        Node(op, "", inputs, attributes);

    /// <summary>Adds a node of an operator of <paramref name="domain"/> (empty: standard ONNX) and returns its output's name.</summary>
    public string Node(string op, string domain, string[] inputs, params (string Name, object Value)[] attributes)
    {
        string name = op + "_" + _nodes++.ToString(CultureInfo.InvariantCulture);
        var node = new ProtoWriter();
        foreach (string input in inputs)
            node.Text(1, input);
        node.Text(2, name).Text(3, name).Text(4, op);
        foreach ((string attribute, object value) in attributes)
            node.Message(5, Attribute(attribute, value));
        if (domain.Length > 0)
            node.Text(7, domain);
        _graph.Message(1, node);
        return name;
    }

    /// <summary>A constant of 64-bit integers (shapes, starts, ends), stored in the model itself.</summary>
    public void Integers(string name, params long[] values)
    {
        ProtoWriter tensor = Tensor(name, ElementInt64, values.Length);
        tensor.Bytes(9, MemoryMarshal.AsBytes<long>(values));
        _graph.Message(5, tensor);
    }

    /// <summary>A scalar fp32 constant, stored in the model itself.</summary>
    public void Scalar(string name, float value)
    {
        ProtoWriter tensor = Tensor(name, ElementFloat);
        tensor.Bytes(9, MemoryMarshal.AsBytes<float>([value]));
        _graph.Message(5, tensor);
    }

    /// <summary>An fp32 weight that lies in <paramref name="file"/> (relative to the model) at <paramref name="offset"/> bytes.</summary>
    public void Weight(string name, string file, long offset, params long[] shape)
    {
        long bytes = sizeof(float);
        foreach (long d in shape)
            bytes *= d;
        ProtoWriter tensor = Tensor(name, ElementFloat, shape);
        tensor.Message(13, Entry("location", file));
        tensor.Message(13, Entry("offset", offset.ToString(CultureInfo.InvariantCulture)));
        tensor.Message(13, Entry("length", bytes.ToString(CultureInfo.InvariantCulture)));
        tensor.Integer(14, 1); // data_location = EXTERNAL
        _graph.Message(5, tensor);
    }

    public string Input(string name, params long[] shape)
    {
        _graph.Message(11, ValueInfo(name, shape));
        return name;
    }

    public void Output(string name, params long[] shape) => _graph.Message(12, ValueInfo(name, shape));

    /// <summary>The finished model file.</summary>
    public byte[] ToModel()
    {
        _graph.Text(2, "peer");
        var model = new ProtoWriter();
        model.Integer(1, IrVersion).Message(7, _graph);
        model.Message(8, new ProtoWriter().Text(1, "").Integer(2, OpsetVersion));
        model.Message(8, new ProtoWriter().Text(1, Microsoft).Integer(2, 1));
        return model.Written.ToArray();
    }

    private static ProtoWriter Attribute(string name, object value)
    {
        var attribute = new ProtoWriter();
        attribute.Text(1, name);
        switch (value)
        {
            case float number:
                return attribute.Float(2, number).Integer(20, AttributeFloat);
            case int number:
                return attribute.Integer(3, number).Integer(20, AttributeInt);
            case int[] numbers:
                foreach (int number in numbers)
                    attribute.Integer(8, number);
                return attribute.Integer(20, AttributeInts);
            default:
                throw new ArgumentException($"attribute '{name}' is a {value.GetType().Name}: only float, int and int[] are written", nameof(value));
        }
    }

    private static ProtoWriter Tensor(string name, int elementType, params long[] shape)
    {
        var tensor = new ProtoWriter();
        foreach (long d in shape)
            tensor.Integer(1, d);
        return tensor.Integer(2, elementType).Text(8, name);
    }

    private static ProtoWriter Entry(string key, string value) => new ProtoWriter().Text(1, key).Text(2, value);

    private static ProtoWriter ValueInfo(string name, long[] shape)
    {
        var dimensions = new ProtoWriter();
        foreach (long d in shape)
            dimensions.Message(1, new ProtoWriter().Integer(1, d));
        ProtoWriter tensorType = new ProtoWriter().Integer(1, ElementFloat).Message(2, dimensions);
        return new ProtoWriter().Text(1, name).Message(2, new ProtoWriter().Message(1, tensorType));
    }
}
