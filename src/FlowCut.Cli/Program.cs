using FlowCut.Cli;

return await FlowCutCommand.RunAsync(args);
