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
}
