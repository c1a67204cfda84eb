using FlowCut.Interop;

namespace FlowCut.Kernels.Matmul;

/// <summary>
/// A product of one shape, described to cuBLASLt, with the chosen algorithm. The library is column-major: a row-major matrix is
/// its own transpose there, so y = x·Wᵀ becomes yᵀ = W·xᵀ with W, stored as its transpose, transposed back.
/// </summary>
internal sealed unsafe class ProductPlan : IDisposable
{
    private readonly CublasLtApi _library;
    private readonly MatmulShape _shape;
    private readonly bool _hasBias;
    private readonly bool _hasResidual;
    private readonly Lock _lock = new();
    private CublasLtAlgo _algorithm;

    public ProductPlan(CublasLtApi library, in ProductShape shape)
    {
        _library = library;
        (_hasBias, _hasResidual) = (shape.HasBias, shape.HasResidual);
        var (input, output) = (DataType(shape.Input), DataType(shape.Output));
        var (rows, columns, depth) = ((ulong)shape.Rows, (ulong)shape.Columns, (ulong)shape.Depth);
        var desc = library.MatmulDescCreate(CublasComputeType.Compute32F, CudaDataType.R32F);
        library.MatmulDescSetAttribute(desc, CublasLtMatmulDescAttribute.TransA, CublasOperation.T);
        if (shape.HasBias)
        {
            library.MatmulDescSetAttribute(desc, CublasLtMatmulDescAttribute.Epilogue, CublasLtEpilogue.Bias);
            library.MatmulDescSetAttribute(desc, CublasLtMatmulDescAttribute.BiasDataType, output);
        }

        var y = library.MatrixLayoutCreate(output, columns, rows, shape.StrideY);
        _shape = new MatmulShape(
            desc,
            library.MatrixLayoutCreate(input, depth, columns, shape.StrideWeight),
            library.MatrixLayoutCreate(input, depth, rows, shape.StrideX),
            shape.HasResidual ? library.MatrixLayoutCreate(output, columns, rows, shape.StrideResidual) : y,
            y);
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
        _shape.A.Dispose();
        _shape.B.Dispose();
        _shape.C.Dispose();
        _shape.D.Dispose();
        _shape.Desc.Dispose();
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
