# Removes the traces of the build and generalises the machine with sysprep, which each cloud
# wraps in its own way. Nothing can log in afterwards.
$ErrorActionPreference = 'Stop'
Write-Output '==> step clean'

Remove-Item -Recurse -Force 'C:\Windows\Temp\workerkit', 'C:\ProgramData\generic-worker\*' -ErrorAction SilentlyContinue
Remove-Item -Force 'C:\Users\*\AppData\Roaming\Microsoft\Windows\PowerShell\PSReadLine\*_history.txt' -ErrorAction SilentlyContinue
Get-ChildItem 'C:\Users\*\.ssh', 'C:\Users\*\.aws', 'C:\Users\*\.azure', 'C:\ProgramData\ssh\ssh_host_*' -ErrorAction SilentlyContinue |
    Remove-Item -Recurse -Force
& { # some logs cannot be emptied, and 'Stop' would end this script for what wevtutil says of it
    $ErrorActionPreference = 'Continue'
    wevtutil.exe el | ForEach-Object { wevtutil.exe cl "$_" 2>$null }
}

switch ($env:TARGET) {
    'amazon-ebs' {
        $launch = "$env:ProgramFiles\Amazon\EC2Launch\EC2Launch.exe"
        & $launch reset --clean --block
        & $launch sysprep --shutdown=false --clean --block
    }
    'googlecompute' {
        & "$env:ProgramFiles\Google\Compute Engine\sysprep\gcesysprep.bat" -NoShutdown
    }
    'azure-arm' {
        foreach ($name in 'RdAgent', 'WindowsAzureGuestAgent') {
            while ((Get-Service $name -ErrorAction SilentlyContinue | Where-Object Status -ne 'Running')) { Start-Sleep -Seconds 5 }
        }
        & "$env:SystemRoot\System32\Sysprep\Sysprep.exe" /oobe /generalize /quiet /quit /mode:vm
        do {
            Start-Sleep -Seconds 10
            $state = (Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State').ImageState
        } until ($state -eq 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE')
        exit 0
    }
}
if ($LASTEXITCODE -ne 0) { throw "sysprep: exit code $LASTEXITCODE" }
