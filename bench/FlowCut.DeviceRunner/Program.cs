using System.CommandLine;
using FlowCut.DeviceRunner;

var device = new Option<string>("--device") { Description = "cuda, or sim with the library that FLOWCUT_SIMULATOR names.", DefaultValueFactory = _ => "cuda" };
var filter = new Option<string?>("--filter") { Description = "Only operations, rows or answers whose name contains this." };
var folder = new Option<string>("--folder") { Description = "Models, and below traces/ their goldens.", Required = true };
var output = new Option<string>("--out") { Description = "JSON file for the rows.", Required = true };
var quick = new Option<bool>("--quick") { Description = "Fewer samples." };

var test = new Command("test", "Run every kernel case on the device and compare it with its oracle.") { device, filter };
test.SetAction(parsed => Session.Run(parsed.GetValue(device)!, session => CaseRun.Run(session, parsed.GetValue(filter))));
var goldens = new Command("goldens", "Compute the golden answers in fp32 on the device and compare every tensor.") { device, filter, folder };
goldens.SetAction(parsed => Session.Run(parsed.GetValue(device)!, session => GoldenRun.Run(session, parsed.GetValue(folder)!, parsed.GetValue(filter))));
var families = new Command("families", "Answer by the flowcut command beside this one, in fp32 on the device, as the families' goldens say, and compare every tensor.") { device, filter, folder };
families.SetAction(parsed => FamilyRun.Run(parsed.GetValue(device)!, parsed.GetValue(folder)!, parsed.GetValue(filter)));
var bench = new Command("bench", "Time the kernels at real sizes.") { device, filter, output, quick };
bench.SetAction(parsed => Session.Run(parsed.GetValue(device)!, session => BenchRun.Run(session, parsed.GetValue(output)!, parsed.GetValue(quick), parsed.GetValue(filter))));
var results = new Argument<string>("folder") { Description = "Holds rows.json and the peers' files; report.md is written there." };
var report = new Command("report", "Join the rows of ours and of peers.") { results };
report.SetAction(parsed => KitReport.Run(parsed.GetValue(results)!));
return new RootCommand("FlowCut's kernels on a device, without a test framework.") { test, goldens, families, bench, report }.Parse(args).Invoke();
