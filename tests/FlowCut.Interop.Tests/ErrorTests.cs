namespace FlowCut.Interop.Tests;

/// <summary>What failures say.</summary>
public class ErrorTests
{
    [Fact]
    public void A_driver_error_names_call_result_and_advice()
    {
        var e = new CudaException(CudaResult.OutOfMemory, "cuMemAllocAsync");
        Assert.StartsWith("cuMemAllocAsync failed: CUDA_ERROR_OUT_OF_MEMORY (2): ", e.Message, StringComparison.Ordinal);
        Assert.Equal("cuMemAllocAsync", e.Operation);
        Assert.False(e.IsContextLost);
        Assert.IsType<NativeCudaException>(e, exactMatch: false);
    }

    [Fact]
    public void A_result_of_a_newer_driver_keeps_its_number() =>
        Assert.Equal("cuInit failed: unknown CUresult (4711).", new CudaException((CudaResult)4711, "cuInit").Message);

    [Theory]
    [InlineData(CudaResult.NoDevice)]
    [InlineData(CudaResult.StubLibrary)]
    [InlineData(CudaResult.OutOfMemory)]
    [InlineData(CudaResult.InvalidContext)]
    [InlineData(CudaResult.NoBinaryForGpu)]
    [InlineData(CudaResult.IllegalAddress)]
    [InlineData(CudaResult.SystemDriverMismatch)]
    [InlineData(CudaResult.CallRequiresNewerDriver)]
    public void Frequent_results_come_with_advice(CudaResult result) => Assert.NotNull(CudaResults.AdviceOn(result));

    [Theory]
    [InlineData(CudaResult.IllegalAddress, true)]
    [InlineData(CudaResult.MisalignedAddress, true)]
    [InlineData(CudaResult.LaunchFailed, true)]
    [InlineData(CudaResult.Assert, true)]
    [InlineData(CudaResult.InvalidPc, true)]
    [InlineData(CudaResult.InvalidValue, false)]
    [InlineData(CudaResult.OutOfMemory, false)]
    [InlineData(CudaResult.NotReady, false)]
    public void Results_that_lose_the_context_are_known_and_say_so(CudaResult result, bool lost)
    {
        var e = new CudaException(result, "cuStreamSynchronize");
        Assert.Equal(lost, e.IsContextLost);
        Assert.Equal(lost, e.Message.Contains("context is lost", StringComparison.Ordinal));
    }

    [Fact]
    public void A_cublas_error_names_call_status_and_advice() =>
        Assert.Equal(
            "cublasLtMatmul failed: CUBLAS_STATUS_NOT_SUPPORTED (15): no algorithm supports this combination of types, layouts, alignment, epilogue and workspace.",
            new CublasException(CublasStatus.NotSupported, "cublasLtMatmul").Message);

    [Theory]
    [InlineData("_cuda.cuMemAlloc_v2(&pointer, bytes)", "cuMemAlloc_v2")]
    [InlineData("_cuda.cuStreamQuery", "cuStreamQuery")]
    [InlineData("cuCtxPopCurrent_v2", "cuCtxPopCurrent_v2")]
    [InlineData("_lt.cublasLtMatmul(arguments.Handle, 0)", "cublasLtMatmul")]
    public void The_entry_point_is_found_in_the_text_of_a_call(string text, string expected) => Assert.Equal(expected, EntryPoints.NameIn(text));
}
