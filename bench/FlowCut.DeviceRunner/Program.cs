using FlowCut.DeviceRunner;
using FlowCut.Interop;
using FlowCut.Kernels;

// The kernels' case tables without a test framework, for machines without .NET. Exit status: 0 all right, 1 a case failed,
// 2 wrong usage, 3 the device is not there.
const string usage = """
    usage: flowcut-device test  [--device cuda|sim] [--simulator FILE] [--filter TEXT] [--out FILE.json]
           flowcut-device bench [--device cuda|sim] [--simulator FILE] [--filter TEXT] [--quick] [--out FILE.json]
    """;
try
{
    var arguments = Arguments.Parse(args);
    return arguments.Command switch
    {
        "test" => TestCommand.Run(arguments),
        "bench" => BenchCommand.Run(arguments),
        _ => throw new UsageException($"there is no command '{arguments.Command}'"),
    };
}
catch (UsageException e)
{
    Console.Error.WriteLine($"flowcut-device: {e.Message}\n{usage}");
    return 2;
}
catch (Exception e) when (e is CudaNotAvailableException or DeviceNotSupportedException)
{
    Console.Error.WriteLine($"flowcut-device: {e.Message}");
    return 3;
}
