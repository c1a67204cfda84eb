using FlowCut.Interop;

namespace FlowCut.Kernels.Matmul;

/// <summary>
/// A product of one shape, described to cuBLASLt, with the chosen algorithm. The library is column-major: a row-major matrix is
/// its own transpose there, so y = x·Wᵀ becomes yᵀ = W·xᵀ with W, stored as its transpose, transposed back.
/// </summary>
internal sealed unsafe class ProductPlan : IDisposable
{
    private readonly CublasLtApi _library;
    private readonly List<CudaHandle> _owned = [];
    private readonly MatmulShape _shape;
    private readonly bool _hasBias;
    private readonly bool _hasResidual;
    private readonly Lock _lock = new();
    private CublasLtAlgo _algorithm;

    public ProductPlan(CublasLtApi library, in ProductShape shape)
    {
        _library = library;
        (_hasBias, _hasResidual) = (shape.HasBias, shape.HasResidual);
        try
        {
            _shape = Describe(shape);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ref readonly MatmulShape Shape => ref _shape;

    /// <summary>Working memory that the algorithm needs.</summary>
    public long WorkspaceBytes { get; private set; }

    public CublasLtAlgo Algorithm => _algorithm;

    public void Use(in CublasLtHeuristicResult proposal) => (_algorithm, WorkspaceBytes) = (proposal.Algo, (long)proposal.WorkspaceSize);

    /// <summary>Enqueues the product with an algorithm. The context has to be current.</summary>
    public void Launch(nint handle, in ProductPointers pointers, in CublasLtAlgo algorithm, nint workspace, long workspaceBytes, nint stream)
    {
        float alpha = 1, beta = _hasResidual ? 1 : 0;
        fixed (CublasLtAlgo* chosen = &algorithm)
        {
            var arguments = new MatmulArguments
            {
                Handle = handle,
                Desc = _shape.Desc.Value,
                Alpha = &alpha,
                Beta = &beta,
                A = pointers.Weight,
                LayoutA = _shape.A.Value,
                B = pointers.X,
                LayoutB = _shape.B.Value,
                C = _hasResidual ? pointers.Residual : pointers.Y,
                LayoutC = _shape.C.Value,
                D = pointers.Y,
                LayoutD = _shape.D.Value,
                Algo = chosen,
                Workspace = workspace,
                WorkspaceBytes = (nuint)workspaceBytes,
            };
            // the bias is a property of the description, read during the call: one call at a time
            lock (_lock)
            {
                if (_hasBias) _library.MatmulDescSetAttribute(_shape.Desc, CublasLtMatmulDescAttribute.BiasPointer, pointers.Bias);
                _library.Matmul(arguments, stream);
            }
        }
    }

    public void Launch(nint handle, in ProductPointers pointers, nint workspace, nint stream) =>
        Launch(handle, pointers, _algorithm, workspace, WorkspaceBytes, stream);

    public void Dispose()
    {
        foreach (var handle in _owned) handle.Dispose();
    }

    private MatmulShape Describe(in ProductShape shape)
    {
        var (input, output) = (DataType(shape.Input), DataType(shape.Output));
        var (rows, columns, depth) = ((ulong)shape.Rows, (ulong)shape.Columns, (ulong)shape.Depth);
        var desc = Own(_library.MatmulDescCreate(CublasComputeType.Compute32F, CudaDataType.R32F));
        _library.MatmulDescSetAttribute(desc, CublasLtMatmulDescAttribute.TransA, CublasOperation.T);
        if (shape.HasBias)
        {
            _library.MatmulDescSetAttribute(desc, CublasLtMatmulDescAttribute.Epilogue, CublasLtEpilogue.Bias);
            _library.MatmulDescSetAttribute(desc, CublasLtMatmulDescAttribute.BiasDataType, output);
        }

        var y = Layout(output, columns, rows, shape.StrideY);
        return new MatmulShape(
            desc,
            Layout(input, depth, columns, shape.StrideWeight),
            Layout(input, depth, rows, shape.StrideX),
            shape.HasResidual ? Layout(output, columns, rows, shape.StrideResidual) : y,
            y);
    }

    private MatrixLayoutHandle Layout(CudaDataType type, ulong rows, ulong columns, long leadingDimension) =>
        Own(_library.MatrixLayoutCreate(type, rows, columns, leadingDimension));

    private THandle Own<THandle>(THandle handle)
        where THandle : CudaHandle
    {
        _owned.Add(handle);
        return handle;
    }

    private static CudaDataType DataType(ElementType type) => type switch
    {
        ElementType.Float16 => CudaDataType.R16F,
        ElementType.BFloat16 => CudaDataType.R16BF,
        _ => CudaDataType.R32F,
    };
}

/// <summary>Where the matrices of one product lie.</summary>
internal readonly record struct ProductPointers(nint X, nint Weight, nint Bias, nint Residual, nint Y);
