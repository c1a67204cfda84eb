namespace FlowCut.Interop.Tests;

/// <summary>One matrix product with bias through every entry point of cuBLASLt.</summary>
internal static unsafe class CublasLtScenario
{
    private const int Rows = 5;
    private const int Columns = 3;
    private const int Inner = 8;

    /// <summary>D = A·B + bias, column-major: A[i, p] = i + p, B[p, j] = p - j, bias[i] = 10·i.</summary>
    public static float[] Expected { get; } =
    [
        .. from j in Enumerable.Range(0, Columns)
           from i in Enumerable.Range(0, Rows)
           select (float)Enumerable.Range(0, Inner).Sum(p => (i + p) * (p - j)) + 10 * i,
    ];

    public static float[] Run(NativeCuda cuda)
    {
        var driver = cuda.Driver;
        using var context = driver.DevicePrimaryCtxRetain(driver.DeviceGet(0));
        driver.CtxPushCurrent(context.Value);
        try
        {
            return InContext(cuda.CublasLt, driver, context);
        }
        finally
        {
            driver.CtxPopCurrent();
        }
    }

    private static float[] InContext(CublasLtApi lt, DriverApi driver, ContextHandle context)
    {
        Assert.InRange(lt.GetVersion().Major, 12, 13);
        Assert.Equal(lt.GetVersion().Major, lt.GetProperty(LibraryProperty.MajorVersion));
        Assert.NotEmpty(lt.GetStatusString(CublasStatus.NotSupported)!);
        using var stream = driver.StreamCreate(context, StreamFlags.NonBlocking);
        using var a = Upload(driver, context, stream.Value, [.. from p in Enumerable.Range(0, Inner) from i in Enumerable.Range(0, Rows) select (float)(i + p)]);
        using var b = Upload(driver, context, stream.Value, [.. from j in Enumerable.Range(0, Columns) from p in Enumerable.Range(0, Inner) select (float)(p - j)]);
        using var bias = Upload(driver, context, stream.Value, [.. Enumerable.Range(0, Rows).Select(i => 10f * i)]);
        using var d = driver.MemAlloc(context, Rows * Columns * sizeof(float));
        Multiply(lt, context, stream.Value, a, b, bias, d);
        using var result = driver.MemHostAlloc(context, Rows * Columns * sizeof(float), HostAllocationFlags.None);
        driver.MemcpyDtoHAsync(result.Value, d.Value, Rows * Columns * sizeof(float), stream.Value);
        driver.StreamSynchronize(stream.Value);
        return new ReadOnlySpan<float>((void*)result.Value, Rows * Columns).ToArray();
    }

    private static void Multiply(CublasLtApi lt, ContextHandle context, nint stream, DeviceMemoryHandle a, DeviceMemoryHandle b, DeviceMemoryHandle bias, DeviceMemoryHandle d)
    {
        using var handle = lt.Create(context);
        using var desc = lt.MatmulDescCreate(CublasComputeType.Compute32F, CudaDataType.R32F);
        lt.MatmulDescSetAttribute(desc, CublasLtMatmulDescAttribute.Epilogue, CublasLtEpilogue.Bias);
        lt.MatmulDescSetAttribute(desc, CublasLtMatmulDescAttribute.BiasPointer, bias.Value);
        lt.MatmulDescSetAttribute(desc, CublasLtMatmulDescAttribute.TransA, CublasOperation.N);
        Assert.Equal(CublasLtEpilogue.Bias, lt.MatmulDescGetAttribute<CublasLtEpilogue>(desc, CublasLtMatmulDescAttribute.Epilogue));
        using var layoutA = lt.MatrixLayoutCreate(CudaDataType.R32F, Rows, Inner, Rows);
        using var layoutB = lt.MatrixLayoutCreate(CudaDataType.R32F, Inner, Columns, Inner);
        using var layoutD = lt.MatrixLayoutCreate(CudaDataType.R32F, Rows, Columns, Rows);
        lt.MatrixLayoutSetAttribute(layoutD, CublasLtMatrixLayoutAttribute.Order, CublasLtOrder.Col);
        using var preference = lt.MatmulPreferenceCreate();
        lt.MatmulPreferenceSetAttribute(preference, CublasLtMatmulPreferenceAttribute.MaxWorkspaceBytes, 0UL);
        var shape = new MatmulShape(desc, layoutA, layoutB, layoutD, layoutD);
        var results = new CublasLtHeuristicResult[4];
        var found = lt.MatmulAlgoGetHeuristic(handle, shape, preference, results);
        Assert.InRange(found, 1, results.Length);
        var algo = results[0].Algo;
        Assert.Equal(CublasStatus.Success, lt.MatmulAlgoCheck(handle, shape, algo).State);
        float alpha = 1, beta = 0;
        var arguments = new MatmulArguments
        {
            Handle = handle.Value,
            Desc = desc.Value,
            Alpha = &alpha,
            Beta = &beta,
            A = a.Value,
            LayoutA = layoutA.Value,
            B = b.Value,
            LayoutB = layoutB.Value,
            C = d.Value,
            LayoutC = layoutD.Value,
            D = d.Value,
            LayoutD = layoutD.Value,
            Algo = &algo,
        };
        lt.Matmul(arguments, stream);
    }

    private static DeviceMemoryHandle Upload(DriverApi driver, ContextHandle context, nint stream, float[] values)
    {
        var bytes = (nuint)(values.Length * sizeof(float));
        var memory = driver.MemAlloc(context, bytes);
        fixed (float* pointer = values)
        {
            driver.MemcpyHtoDAsync(memory.Value, (nint)pointer, bytes, stream);
            driver.StreamSynchronize(stream);
        }

        return memory;
    }
}
