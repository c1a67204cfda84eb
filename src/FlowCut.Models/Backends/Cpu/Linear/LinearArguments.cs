namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>y = activation(x·Wᵀ + bias) + residual; shapes are checked by the backend. residual may be y itself.</summary>
internal struct LinearArguments
{
    public CpuView X;
    public CpuMatrix Weight;
    public CpuView? Bias;
    public Activation Activation;
    public CpuView? Residual;
    public CpuView Y;

    /// <summary>The same for some of the rows.</summary>
    public readonly LinearArguments SliceRows(int start, int count) => this with
    {
        X = X.SliceRows(start, count),
        Residual = Residual?.SliceRows(start, count),
        Y = Y.SliceRows(start, count),
    };
}
