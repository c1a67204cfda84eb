using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using FlowCut.Interop;
using FlowCut.Kernels.Caching;

namespace FlowCut.Kernels.Matmul;

/// <summary>The products of one context: their plans, the choice of algorithms, and working memory for each stream.</summary>
internal sealed class ProductPlans : IDisposable
{
    /// <summary>As much working memory as algorithms may ask for: what the vendor recommends for the largest devices.</summary>
    private const long MaxWorkspaceBytes = 32L << 20;

    private const int Proposals = 8;
    private const string Extension = ".algo";

    private readonly KernelContext _kernels;
    private readonly CublasLtApi _library;
    private readonly CublasLtHandle _handle;
    private readonly string _identity;
    private readonly ConcurrentDictionary<ProductShape, ProductPlan> _plans = new();
    private readonly ConcurrentDictionary<ProductShape, CublasLtAlgo> _choices = new();
    private readonly ConcurrentDictionary<nint, DeviceMemoryHandle> _workspaces = new();
    private readonly Lock _lock = new();

    public ProductPlans(KernelContext kernels)
    {
        _kernels = kernels;
        _library = kernels.Context.Cuda.CublasLt;
        _identity = $"{LibraryIdentity.Of("cublasLt", _library.GetVersion(), _library.LibraryPath)}, {kernels.Device.Name}, {kernels.Device.Multiprocessors} multiprocessors";
        _handle = _library.Create(kernels.Context.Owner);
    }

    public void Launch(in DeviceMatrix x, in DeviceMatrix weight, in DeviceMatrix? bias, in DeviceMatrix? residual, in DeviceMatrix y, CudaStream stream)
    {
        var shape = ProductShape.Of(x, weight, bias is not null, residual, y);
        var pointers = new ProductPointers(x.Pointer, weight.Pointer, bias?.Pointer ?? 0, residual?.Pointer ?? 0, y.Pointer);
        using var scope = _kernels.Context.Enter();
        if (!_plans.TryGetValue(shape, out var plan)) plan = Plan(shape, pointers, stream);
        plan.Launch(_handle.Value, pointers, Workspace(plan.WorkspaceBytes, stream), stream.Handle);
    }

    public void Dispose()
    {
        foreach (var plan in _plans.Values) plan.Dispose();
        foreach (var workspace in _workspaces.Values) workspace.Dispose();
        _handle.Dispose();
    }

    private ProductPlan Plan(in ProductShape shape, in ProductPointers pointers, CudaStream stream)
    {
        // measuring several products at once would spoil all the results
        lock (_lock)
        {
            if (_plans.TryGetValue(shape, out var present)) return present;
            var plan = new ProductPlan(_library, shape);
            try
            {
                if (!TryChosen(plan, shape)) Choose(plan, shape, pointers, stream);
            }
            catch
            {
                plan.Dispose();
                throw;
            }

            _plans[shape] = plan;
            return plan;
        }
    }

    /// <summary>Takes a choice that was made for a size nearby, in this process or an earlier one, if it can do this size.</summary>
    private bool TryChosen(ProductPlan plan, in ProductShape shape)
    {
        var measured = shape.Measured();
        if (!_choices.TryGetValue(measured, out var algorithm))
        {
            if (_kernels.Cache.Read(CacheKey.Compute("product", _identity, measured.Key()), Extension) is not { } stored) return false;
            if (!MemoryMarshal.TryRead(stored, out algorithm)) return false;
        }

        try
        {
            var proposal = _library.MatmulAlgoCheck(_handle, plan.Shape, algorithm);
            if (proposal.State != CublasStatus.Success || proposal.WorkspaceSize > (nuint)MaxWorkspaceBytes) return false;
            // the check leaves the algorithm itself to the caller
            proposal.Algo = algorithm;
            plan.Use(proposal);
            _choices[measured] = algorithm;
            return true;
        }
        catch (CublasException)
        {
            return false;
        }
    }

    private void Choose(ProductPlan plan, in ProductShape shape, in ProductPointers pointers, CudaStream stream)
    {
        var proposals = Propose(plan, shape);
        // a simulator has no speed, and a capture must not be disturbed: there the library's first proposal is taken
        var measurable = proposals.Length > 1 && ReferenceEquals(_kernels.Context.Cuda, NativeCuda.System)
            && _kernels.Context.Driver.StreamIsCapturing(stream.Handle) == StreamCaptureStatus.None;
        if (!measurable)
        {
            plan.Use(proposals[0]);
            return;
        }

        var best = ProductTimer.Fastest(_kernels.Context, _handle.Value, plan, shape, pointers, proposals, Workspace(MaxWorkspaceBytes, stream), stream);
        plan.Use(proposals[best]);
        var measured = shape.Measured();
        _choices[measured] = plan.Algorithm;
        var bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<CublasLtAlgo>([plan.Algorithm]));
        _kernels.Cache.Write(CacheKey.Compute("product", _identity, measured.Key()), Extension, bytes, $"product {measured.Key()}", _kernels.Device.Architecture, _identity);
    }

    private CublasLtHeuristicResult[] Propose(ProductPlan plan, in ProductShape shape)
    {
        using var preference = _library.MatmulPreferenceCreate();
        _library.MatmulPreferenceSetAttribute(preference, CublasLtMatmulPreferenceAttribute.MaxWorkspaceBytes, (ulong)MaxWorkspaceBytes);
        // partial sums of a split depth stay 32-bit, and the same product gives the same bits every time
        _library.MatmulPreferenceSetAttribute(preference, CublasLtMatmulPreferenceAttribute.ReductionSchemeMask, (uint)CublasLtReductionSchemes.ComputeType);
        _library.MatmulPreferenceSetAttribute(preference, CublasLtMatmulPreferenceAttribute.MinAlignmentABytes, (uint)shape.AlignmentWeight);
        _library.MatmulPreferenceSetAttribute(preference, CublasLtMatmulPreferenceAttribute.MinAlignmentBBytes, (uint)shape.AlignmentX);
        _library.MatmulPreferenceSetAttribute(preference, CublasLtMatmulPreferenceAttribute.MinAlignmentCBytes, (uint)(shape.HasResidual ? shape.AlignmentResidual : shape.AlignmentY));
        _library.MatmulPreferenceSetAttribute(preference, CublasLtMatmulPreferenceAttribute.MinAlignmentDBytes, (uint)shape.AlignmentY);
        var results = new CublasLtHeuristicResult[Proposals];
        var found = _library.MatmulAlgoGetHeuristic(_handle, plan.Shape, preference, results);
        CublasLtHeuristicResult[] usable = [.. results.Take(found).Where(r => r.State == CublasStatus.Success)];
        return usable.Length > 0 ? usable : throw new CublasException(CublasStatus.NotSupported, "cublasLtMatmulAlgoGetHeuristic");
    }

    private nint Workspace(long bytes, CudaStream stream)
    {
        if (bytes == 0) return 0;
        return _workspaces.TryGetValue(stream.Handle, out var memory) ? memory.Value : AddWorkspace(stream);
    }

    private nint AddWorkspace(CudaStream stream)
    {
        if (_kernels.Context.Driver.StreamIsCapturing(stream.Handle) != StreamCaptureStatus.None)
            throw new InvalidOperationException("The stream has no working memory for products yet, and none can be allocated during a capture. Run the work once before capturing it.");
        lock (_lock)
        {
            if (_workspaces.TryGetValue(stream.Handle, out var present)) return present.Value;
            var memory = AllocateWorkspace();
            _workspaces[stream.Handle] = memory;
            return memory.Value;
        }
    }

    private DeviceMemoryHandle AllocateWorkspace()
    {
        try
        {
            return _kernels.Context.Driver.MemAlloc(_kernels.Context.Owner, (nuint)MaxWorkspaceBytes);
        }
        catch (CudaException e) when (e.Result == CudaResult.OutOfMemory)
        {
            var (free, total) = _kernels.Context.GetMemory();
            throw new DeviceOutOfMemoryException(MaxWorkspaceBytes, free, total, 0, 0, e);
        }
    }
}
