namespace FlowCut.Interop;

/// <summary>A product and the layouts of its matrices. C and D may share a layout.</summary>
public readonly record struct MatmulShape(MatmulDescHandle Desc, MatrixLayoutHandle A, MatrixLayoutHandle B, MatrixLayoutHandle C, MatrixLayoutHandle D)
{
    internal void KeepAlive()
    {
        GC.KeepAlive(Desc);
        GC.KeepAlive(A);
        GC.KeepAlive(B);
        GC.KeepAlive(C);
        GC.KeepAlive(D);
    }
}

/// <summary>Types of a product: arithmetic, alpha and beta, the four matrices.</summary>
public readonly record struct MatmulTypes(CublasComputeType Compute, CudaDataType Scale, CudaDataType A, CudaDataType B, CudaDataType C, CudaDataType D);

/// <summary>What <see cref="CublasLtApi.Matmul"/> takes: native handles and pointers, which the caller keeps alive until the stream has come past the product.</summary>
public unsafe struct MatmulArguments
{
    public nint Handle;
    public nint Desc;
    /// <summary>Host memory of the scale type, read during the call, unless the descriptor's pointer mode says otherwise.</summary>
    public void* Alpha;
    /// <summary>As <see cref="Alpha"/>. Where it is 0, C is not read.</summary>
    public void* Beta;
    public nint A;
    public nint LayoutA;
    public nint B;
    public nint LayoutB;
    /// <summary>May be D.</summary>
    public nint C;
    public nint LayoutC;
    public nint D;
    public nint LayoutD;
    /// <summary>Host memory, read during the call; null: the heuristic's first proposal, looked up on every call.</summary>
    public CublasLtAlgo* Algo;
    /// <summary>Device memory, aligned to 256 bytes, not shared with work that may run at the same time.</summary>
    public nint Workspace;
    public nuint WorkspaceBytes;
}
