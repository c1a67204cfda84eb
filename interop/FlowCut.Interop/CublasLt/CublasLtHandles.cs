namespace FlowCut.Interop;

/// <summary>The library's state for one context (<c>cublasLtHandle_t</c>), made by <see cref="CublasLtApi.Create"/>.</summary>
public sealed class CublasLtHandle : CudaHandle
{
    private readonly CublasLtApi _lt;

    internal CublasLtHandle(CublasLtApi lt) => _lt = lt;

    private protected override bool Destroy(nint value) => Parent is ContextHandle context && _lt.Destroy(context, value);
}

/// <summary>What a product does (<c>cublasLtMatmulDesc_t</c>), made by <see cref="CublasLtApi.MatmulDescCreate"/>.</summary>
public sealed class MatmulDescHandle : CudaHandle
{
    private readonly CublasLtApi _lt;

    internal MatmulDescHandle(CublasLtApi lt) => _lt = lt;

    private protected override bool Destroy(nint value) => _lt.DestroyMatmulDesc(value);
}

/// <summary>Type and shape of a matrix (<c>cublasLtMatrixLayout_t</c>), made by <see cref="CublasLtApi.MatrixLayoutCreate"/>.</summary>
public sealed class MatrixLayoutHandle : CudaHandle
{
    private readonly CublasLtApi _lt;

    internal MatrixLayoutHandle(CublasLtApi lt) => _lt = lt;

    private protected override bool Destroy(nint value) => _lt.DestroyMatrixLayout(value);
}

/// <summary>Limits of the search for an algorithm (<c>cublasLtMatmulPreference_t</c>), made by <see cref="CublasLtApi.MatmulPreferenceCreate"/>.</summary>
public sealed class MatmulPreferenceHandle : CudaHandle
{
    private readonly CublasLtApi _lt;

    internal MatmulPreferenceHandle(CublasLtApi lt) => _lt = lt;

    private protected override bool Destroy(nint value) => _lt.DestroyMatmulPreference(value);
}
