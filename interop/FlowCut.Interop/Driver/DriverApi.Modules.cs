namespace FlowCut.Interop;

// Modules, functions and launches.
public sealed unsafe partial class DriverApi
{
    /// <param name="context">Where the code is loaded.</param>
    /// <param name="image">A cubin, a fat binary, or PTX that ends with a zero byte.</param>
    /// <exception cref="ArgumentException">The image is empty.</exception>
    public ModuleHandle ModuleLoadData(ContextHandle context, ReadOnlySpan<byte> image)
    {
        if (image.IsEmpty) throw new ArgumentException("The image is empty.", nameof(image));
        Need(_cuda.cuModuleLoadData);
        var owner = new ModuleHandle(this);
        Enter(context);
        nint module = 0;
        CudaResult result;
        fixed (byte* pointer = image) result = _cuda.cuModuleLoadData(&module, pointer);
        return Leave(owner, context, module, result, nameof(_cuda.cuModuleLoadData));
    }

    /// <param name="context">Where the code is loaded.</param>
    /// <param name="image">A cubin, a fat binary, or PTX that ends with a zero byte.</param>
    /// <param name="options">Options of the driver's linker and PTX compiler.</param>
    /// <param name="values">One per option: a number, or the address of a buffer that stays in place during the call.</param>
    /// <exception cref="ArgumentException">The image is empty, or there is not one value per option.</exception>
    public ModuleHandle ModuleLoadDataEx(ContextHandle context, ReadOnlySpan<byte> image, ReadOnlySpan<JitOption> options, Span<nint> values)
    {
        if (image.IsEmpty) throw new ArgumentException("The image is empty.", nameof(image));
        if (values.Length != options.Length) throw new ArgumentException("There must be a value per option.", nameof(values));
        Need(_cuda.cuModuleLoadDataEx);
        var owner = new ModuleHandle(this);
        Enter(context);
        nint module = 0;
        CudaResult result;
        fixed (byte* pointer = image)
        fixed (JitOption* names = options)
        fixed (nint* numbers = values)
        {
            result = _cuda.cuModuleLoadDataEx(&module, pointer, (uint)options.Length, names, (void**)numbers);
        }

        return Leave(owner, context, module, result, nameof(_cuda.cuModuleLoadDataEx));
    }

    /// <summary>A kernel of a module; it lives as long as the module.</summary>
    /// <exception cref="CudaException"><see cref="CudaResult.NotFound"/>: the module has no such kernel.</exception>
    public nint ModuleGetFunction(nint module, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Need(_cuda.cuModuleGetFunction);
        using var text = new Utf8String(name);
        nint function;
        Check(_cuda.cuModuleGetFunction(&function, module, text.Pointer));
        return function;
    }

    /// <summary>Address and size of a device variable of a module.</summary>
    public (nint Pointer, nuint Bytes) ModuleGetGlobal(nint module, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Need(_cuda.cuModuleGetGlobal_v2);
        using var text = new Utf8String(name);
        nint pointer;
        nuint bytes;
        Check(_cuda.cuModuleGetGlobal_v2(&pointer, &bytes, module, text.Pointer));
        return (pointer, bytes);
    }

    public int FuncGetAttribute(FunctionAttribute attribute, nint function)
    {
        Need(_cuda.cuFuncGetAttribute);
        int value;
        Check(_cuda.cuFuncGetAttribute(&value, attribute, function));
        return value;
    }

    /// <summary><see cref="FunctionAttribute.MaxDynamicSharedSizeBytes"/> must be raised before a launch with more than 48 KiB of dynamic shared memory.</summary>
    public void FuncSetAttribute(nint function, FunctionAttribute attribute, int value)
    {
        Need(_cuda.cuFuncSetAttribute);
        Check(_cuda.cuFuncSetAttribute(function, attribute, value));
    }

    public void FuncSetCacheConfig(nint function, FunctionCache preference)
    {
        Need(_cuda.cuFuncSetCacheConfig);
        Check(_cuda.cuFuncSetCacheConfig(function, preference));
    }

    /// <summary>How many blocks of a kernel fit on one multiprocessor at once.</summary>
    /// <param name="function">A <c>CUfunction</c>.</param>
    /// <param name="threads">Threads per block.</param>
    /// <param name="sharedBytes">Dynamic shared memory per block.</param>
    public int OccupancyMaxActiveBlocksPerMultiprocessor(nint function, int threads, nuint sharedBytes)
    {
        Need(_cuda.cuOccupancyMaxActiveBlocksPerMultiprocessor);
        int blocks;
        Check(_cuda.cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, threads, sharedBytes));
        return blocks;
    }

    /// <summary>Gives a kernel to a stream. An error reported here may also be one of earlier work in the same context.</summary>
    /// <param name="function">A <c>CUfunction</c> of the current context.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="block">Threads per block.</param>
    /// <param name="sharedBytes">Dynamic shared memory per block.</param>
    /// <param name="stream">A <c>CUstream</c>; 0: the default stream.</param>
    /// <param name="parameters">One pointer per kernel parameter; the values are copied before the call returns.</param>
    public void LaunchKernel(nint function, Dim3 grid, Dim3 block, uint sharedBytes, nint stream, void** parameters)
    {
        Need(_cuda.cuLaunchKernel);
        Check(_cuda.cuLaunchKernel(function, grid.X, grid.Y, grid.Z, block.X, block.Y, block.Z, sharedBytes, stream, parameters, null));
    }

    /// <summary>As <see cref="LaunchKernel"/>, with attributes such as the cluster's size.</summary>
    public void LaunchKernelEx(in LaunchConfig config, nint function, void** parameters)
    {
        Need(_cuda.cuLaunchKernelEx);
        fixed (LaunchConfig* pointer = &config) Check(_cuda.cuLaunchKernelEx(pointer, function, parameters, null));
    }
}
