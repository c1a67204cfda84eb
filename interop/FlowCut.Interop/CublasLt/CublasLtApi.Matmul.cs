namespace FlowCut.Interop;

// Descriptors and products.
public sealed unsafe partial class CublasLtApi
{
    /// <param name="computeType">Arithmetic of the product.</param>
    /// <param name="scaleType">Type of alpha and beta.</param>
    public MatmulDescHandle MatmulDescCreate(CublasComputeType computeType, CudaDataType scaleType)
    {
        Need(_lt.cublasLtMatmulDescCreate);
        var owner = new MatmulDescHandle(this);
        nint created;
        Check(_lt.cublasLtMatmulDescCreate(&created, computeType, scaleType));
        owner.Own(created, null);
        return owner;
    }

    /// <typeparam name="T">The attribute's type: 4 bytes for enums, 8 for pointers and strides; the library refuses another size.</typeparam>
    public void MatmulDescSetAttribute<T>(MatmulDescHandle desc, CublasLtMatmulDescAttribute attribute, T value)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(desc);
        Need(_lt.cublasLtMatmulDescSetAttribute);
        Check(_lt.cublasLtMatmulDescSetAttribute(desc.Value, attribute, &value, (nuint)sizeof(T)));
        GC.KeepAlive(desc);
    }

    /// <typeparam name="T">The attribute's type.</typeparam>
    public T MatmulDescGetAttribute<T>(MatmulDescHandle desc, CublasLtMatmulDescAttribute attribute)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(desc);
        Need(_lt.cublasLtMatmulDescGetAttribute);
        T value = default;
        nuint written;
        Check(_lt.cublasLtMatmulDescGetAttribute(desc.Value, attribute, &value, (nuint)sizeof(T), &written));
        GC.KeepAlive(desc);
        return value;
    }

    /// <param name="type">Element type.</param>
    /// <param name="rows">Rows as stored, before any transposition.</param>
    /// <param name="columns">Columns as stored.</param>
    /// <param name="leadingDimension">Elements from one column to the next (from one row to the next in row order).</param>
    public MatrixLayoutHandle MatrixLayoutCreate(CudaDataType type, ulong rows, ulong columns, long leadingDimension)
    {
        Need(_lt.cublasLtMatrixLayoutCreate);
        var owner = new MatrixLayoutHandle(this);
        nint created;
        Check(_lt.cublasLtMatrixLayoutCreate(&created, type, rows, columns, leadingDimension));
        owner.Own(created, null);
        return owner;
    }

    /// <typeparam name="T">The attribute's type; the library refuses another size.</typeparam>
    public void MatrixLayoutSetAttribute<T>(MatrixLayoutHandle layout, CublasLtMatrixLayoutAttribute attribute, T value)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(layout);
        Need(_lt.cublasLtMatrixLayoutSetAttribute);
        Check(_lt.cublasLtMatrixLayoutSetAttribute(layout.Value, attribute, &value, (nuint)sizeof(T)));
        GC.KeepAlive(layout);
    }

    public MatmulPreferenceHandle MatmulPreferenceCreate()
    {
        Need(_lt.cublasLtMatmulPreferenceCreate);
        var owner = new MatmulPreferenceHandle(this);
        nint created;
        Check(_lt.cublasLtMatmulPreferenceCreate(&created));
        owner.Own(created, null);
        return owner;
    }

    /// <typeparam name="T">The attribute's type; the library refuses another size.</typeparam>
    public void MatmulPreferenceSetAttribute<T>(MatmulPreferenceHandle preference, CublasLtMatmulPreferenceAttribute attribute, T value)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(preference);
        Need(_lt.cublasLtMatmulPreferenceSetAttribute);
        Check(_lt.cublasLtMatmulPreferenceSetAttribute(preference.Value, attribute, &value, (nuint)sizeof(T)));
        GC.KeepAlive(preference);
    }

    /// <summary>Proposes algorithms for a product, the one that is expected to be fastest first.</summary>
    /// <param name="handle">The library's state.</param>
    /// <param name="shape">The product.</param>
    /// <param name="preference">Limits, of which the workspace's size is the important one.</param>
    /// <param name="results">As many proposals as are wanted; those whose state is not success cannot be used.</param>
    /// <returns>How many proposals there are.</returns>
    /// <exception cref="CublasException"><see cref="CublasStatus.NotSupported"/>: there is no algorithm for this product.</exception>
    public int MatmulAlgoGetHeuristic(CublasLtHandle handle, in MatmulShape shape, MatmulPreferenceHandle preference, Span<CublasLtHeuristicResult> results)
    {
        ArgumentNullException.ThrowIfNull(handle);
        ArgumentNullException.ThrowIfNull(preference);
        Need(_lt.cublasLtMatmulAlgoGetHeuristic);
        int found = 0;
        CublasStatus status;
        fixed (CublasLtHeuristicResult* first = results)
        {
            status = _lt.cublasLtMatmulAlgoGetHeuristic(
                handle.Value, shape.Desc.Value, shape.A.Value, shape.B.Value, shape.C.Value, shape.D.Value, preference.Value, results.Length, first, &found);
        }

        GC.KeepAlive(handle);
        GC.KeepAlive(preference);
        shape.KeepAlive();
        Check(status, nameof(_lt.cublasLtMatmulAlgoGetHeuristic));
        return found;
    }

    /// <summary>An algorithm by its number, with default settings.</summary>
    /// <param name="handle">The library's state.</param>
    /// <param name="types">Types of the product.</param>
    /// <param name="algorithm">The number.</param>
    public CublasLtAlgo MatmulAlgoInit(CublasLtHandle handle, in MatmulTypes types, int algorithm)
    {
        ArgumentNullException.ThrowIfNull(handle);
        Need(_lt.cublasLtMatmulAlgoInit);
        CublasLtAlgo algo;
        Check(_lt.cublasLtMatmulAlgoInit(handle.Value, types.Compute, types.Scale, types.A, types.B, types.C, types.D, algorithm, &algo));
        GC.KeepAlive(handle);
        return algo;
    }

    /// <typeparam name="T">The attribute's type; the library refuses another size.</typeparam>
    public void MatmulAlgoConfigSetAttribute<T>(ref CublasLtAlgo algo, CublasLtAlgoConfigAttribute attribute, T value)
        where T : unmanaged
    {
        Need(_lt.cublasLtMatmulAlgoConfigSetAttribute);
        fixed (CublasLtAlgo* pointer = &algo) Check(_lt.cublasLtMatmulAlgoConfigSetAttribute(pointer, attribute, &value, (nuint)sizeof(T)));
    }

    /// <typeparam name="T">The attribute's type.</typeparam>
    public T MatmulAlgoConfigGetAttribute<T>(in CublasLtAlgo algo, CublasLtAlgoConfigAttribute attribute)
        where T : unmanaged
    {
        Need(_lt.cublasLtMatmulAlgoConfigGetAttribute);
        T value = default;
        nuint written;
        fixed (CublasLtAlgo* pointer = &algo) Check(_lt.cublasLtMatmulAlgoConfigGetAttribute(pointer, attribute, &value, (nuint)sizeof(T), &written));
        return value;
    }

    /// <summary>Whether an algorithm can do a product on this device, and what workspace it needs.</summary>
    /// <exception cref="CublasException">The algorithm cannot: <see cref="CublasStatus.NotSupported"/>, or <see cref="CublasStatus.InvalidValue"/> for one of another version.</exception>
    public CublasLtHeuristicResult MatmulAlgoCheck(CublasLtHandle handle, in MatmulShape shape, in CublasLtAlgo algo)
    {
        ArgumentNullException.ThrowIfNull(handle);
        Need(_lt.cublasLtMatmulAlgoCheck);
        CublasLtHeuristicResult checkedResult;
        CublasStatus status;
        fixed (CublasLtAlgo* pointer = &algo)
        {
            status = _lt.cublasLtMatmulAlgoCheck(handle.Value, shape.Desc.Value, shape.A.Value, shape.B.Value, shape.C.Value, shape.D.Value, pointer, &checkedResult);
        }

        GC.KeepAlive(handle);
        shape.KeepAlive();
        Check(status, nameof(_lt.cublasLtMatmulAlgoCheck));
        return checkedResult;
    }

    /// <summary>D = alpha·A·B + beta·C and the descriptor's epilogue, in stream order, in the current context. Allocates nothing and can be captured.</summary>
    public void Matmul(in MatmulArguments arguments, nint stream)
    {
        Need(_lt.cublasLtMatmul);
        Check(_lt.cublasLtMatmul(
            arguments.Handle, arguments.Desc, arguments.Alpha, (void*)arguments.A, arguments.LayoutA, (void*)arguments.B, arguments.LayoutB,
            arguments.Beta, (void*)arguments.C, arguments.LayoutC, (void*)arguments.D, arguments.LayoutD, arguments.Algo, (void*)arguments.Workspace, arguments.WorkspaceBytes, stream));
    }

    internal bool DestroyMatmulDesc(nint value) => _lt.cublasLtMatmulDescDestroy is not null && _lt.cublasLtMatmulDescDestroy(value) == CublasStatus.Success;

    internal bool DestroyMatrixLayout(nint value) => _lt.cublasLtMatrixLayoutDestroy is not null && _lt.cublasLtMatrixLayoutDestroy(value) == CublasStatus.Success;

    internal bool DestroyMatmulPreference(nint value) => _lt.cublasLtMatmulPreferenceDestroy is not null && _lt.cublasLtMatmulPreferenceDestroy(value) == CublasStatus.Success;
}
