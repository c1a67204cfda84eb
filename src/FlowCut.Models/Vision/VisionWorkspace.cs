using FlowCut.Models.Backends;

namespace FlowCut.Models.Vision;

/// <summary>Activations of an encoder run over up to <see cref="Rows"/> tokens of <see cref="Pictures"/> pictures, kept between runs.</summary>
internal sealed class VisionWorkspace : IDisposable
{
    private readonly List<DeviceBuffer> _buffers = [];
    private readonly Backend _backend;

    public VisionWorkspace(Backend backend, VisionConfig config, int rows, int pictures)
    {
        (_backend, Rows, Pictures) = (backend, rows, pictures);
        int d = config.HiddenSize, side = config.ImageSize;
        Pixels = Allocate(side == 0 ? 0 : pictures * 3 * side, side, Precision.Single);
        Patches = Allocate(side == 0 ? rows : config.Patches, config.PatchInputs, Precision.Activation);
        OrderedPatches = config.GroupOrder() is null ? Patches : Allocate(Patches.Rows, Patches.Columns, Precision.Activation);
        Hidden = Allocate(rows, d, Precision.Single);
        Spare = Allocate(rows, d, Precision.Single);
        Normed = Allocate(rows, d, Precision.Activation);
        QueryKeyValue = Allocate(rows, 3 * d, Precision.Activation);
        Intermediate = Allocate(rows, config.IntermediateSize, Precision.Activation);
        GlobalQuery = Allocate(config.HasClass ? 0 : pictures, d, Precision.Single);
        GlobalValue = Allocate(config.HasClass ? 0 : pictures, d, Precision.Single);
        if (config.LearnedPositions) return;
        Positions = backend.AllocateIndices(2 * rows);
        PositionsSpare = backend.AllocateIndices(2 * rows);
    }

    public int Rows { get; }

    public int Pictures { get; }

    /// <summary>[pictures·3·side, side].</summary>
    public Tensor Pixels { get; }

    /// <summary>Of one picture; of all where they come as patches.</summary>
    public Tensor Patches { get; }

    /// <summary>The same in the encoder's order.</summary>
    public Tensor OrderedPatches { get; }

    public Tensor Hidden { get; private set; }

    /// <summary>Where a selection gathers to, before it takes <see cref="Hidden"/>'s place.</summary>
    public Tensor Spare { get; private set; }

    public Tensor Normed { get; }

    public Tensor QueryKeyValue { get; }

    public Tensor Intermediate { get; }

    /// <summary>[pictures, hidden]: means that stand for a CLS token.</summary>
    public Tensor GlobalQuery { get; }

    public Tensor GlobalValue { get; }

    /// <summary>Rows, then columns, of the patches where these turn query and key; null elsewhere.</summary>
    public IndexBuffer? Positions { get; private set; }

    public IndexBuffer? PositionsSpare { get; private set; }

    public void SwapHidden()
    {
        (Hidden, Spare) = (Spare, Hidden);
        (Positions, PositionsSpare) = (PositionsSpare, Positions);
    }

    public void Dispose()
    {
        foreach (var buffer in _buffers) buffer.Dispose();
        Positions?.Dispose();
        PositionsSpare?.Dispose();
    }

    private Tensor Allocate(int rows, int columns, Precision precision)
    {
        var tensor = _backend.Allocate(rows, columns, precision);
        _buffers.Add(tensor.Buffer);
        return tensor;
    }
}
